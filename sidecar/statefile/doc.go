// Package statefile reads and writes a small file of --state-dir as a whole. The packages
// that own the files define their entries.
//
// It reads regular files only, and follows no links: the folder may be shared with the
// observed container.
package statefile
