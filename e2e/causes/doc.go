// Package causes measures whether `jvmem evidence` names the line of code that leaks.
// `make bench-causes` runs it and writes docs/causes.md.
//
// A case is one leak of the application in app, on one JDK with its default collector. The
// application has load, filters, proxies, a cache with a limit and short threads, and prints
// the line that leaks: the truth. Most of the leak has happened when the recording starts.
//
// A case fails if another line than the truth is named first. That no line is named is an
// answer, and counted.
//
// The JDKs are those of Debian sid (package debian). It needs root, Linux and a JDK.
package causes
