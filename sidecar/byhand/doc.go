// Package byhand has what only a user starts, at a terminal, and what the sidecar never
// does by itself: a heap dump, which stops the JVM and holds every secret, and the commands
// that act on the JVM, to see what their effect proves.
//
// Nothing of it is served over HTTP. Each needs the user's consent, and says before what it
// costs.
package byhand
