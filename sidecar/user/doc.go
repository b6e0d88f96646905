// Package user makes jvmem, which was started as root, run as the user of a JVM.
//
// The kernel lets a process read the memory of another one if it has the same UID and GID,
// and at least its capabilities (ptrace(2), "Ptrace access mode checking"; HotSpot compares
// UID and GID too, before it answers). Which user a JVM has is known once it runs: it may
// come from the image. So jvmem starts as root with CAP_SETUID and CAP_SETGID, finds the
// JVM, takes over its UID and GID, and keeps no supplementary group and no capability.
// Beside a JVM that runs as root it keeps the JVM's capabilities.
//
// Before that it reads only status of other processes as root. Which of them is a JVM is
// found as everywhere, by package jvm in the mappings of the process: not as root, which may
// not read them, but on one OS thread for each user that has the credentials of that user and
// ends afterwards. On Linux credentials are those of a thread (credentials(7),
// nptl(7)). A process that only has the name of a JVM, or of its threads, is not one.
//
// The package does not give privileges back: once the user is taken over, another one needs
// another start.
package user
