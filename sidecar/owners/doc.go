// Package owners reports who owns the native memory of a JVM, as a document for people and
// programs. What it is and how it is found: jvm/evidence/owners.
package owners
