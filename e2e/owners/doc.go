// Package owners measures how well `jvmem owners` names the owners of native memory. `make
// bench-owners` runs programs that leak in real libraries, on JDKs 8 to 25, and compares the
// report with what each program did: right, not named, or wrong. It writes the tables of
// docs/native-owners.md. `make e2e-owners` runs a few of them.
//
// A program (testdata/Leak.java) leaks 4 MiB, so that libraries are loaded and code is
// compiled, the baseline is saved, it leaks 32 MiB more, and `jvmem owners --since` reports
// the growth. The bytes are those that the program counts itself, or by which all blocks in
// use grew according to glibc (mallinfo2), or to jemalloc where a program runs with that; none
// comes from jvmem. Controls do not leak, or
// leak what nobody owns, and must accuse nobody.
//
// The newest JDKs need the C library of Debian sid: they run in its root file system, as in
// the other end-to-end tests. It needs root, Linux, a JDK, gcc and g++.
package owners
