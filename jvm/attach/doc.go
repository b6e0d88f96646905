// Package attach is a client of HotSpot's attach protocol, the one that jcmd
// speaks: no JDK, no subprocess, no agent.
//
// It talks to the Unix socket /tmp/.java_pid<nspid> below the JVM's root. Where
// that socket is missing it asks the JVM to open it: a trigger file
// .attach_pid<nspid>, owned by the JVM's user, and SIGQUIT.
//
// It refuses
//   - to send SIGQUIT to a process unless, at that moment, it is still the
//     process it was made for, maps HotSpot's libjvm.so, catches SIGQUIT and is
//     not stopped: uncaught, the signal kills; a Go program catches it and exits;
//     OpenJ9 writes a javacore;
//   - to send SIGQUIT where the JVM would answer with a thread dump on the
//     application's standard output: attach disabled, /tmp not writable, a
//     trigger file that it does not trust, or soon after a handshake that failed;
//   - to send a command that is not in its fixed list (see Command);
//   - to follow symbolic links out of the JVM's root, and to talk to a socket
//     that does not belong to the JVM;
//   - to wait or read without a bound.
//
// Documents: OpenJDK src/hotspot/os/posix/attachListener_posix.cpp (before 22
// os/linux/attachListener_linux.cpp), share/services/attachListener.cpp,
// share/runtime/os.cpp (signal_thread_entry),
// src/jdk.attach/linux/classes/sun/tools/attach/VirtualMachineImpl.java;
// proc_pid_status(5), unix(7), pidfd_send_signal(2). The bytes and the checks
// are in docs/protocol.md.
//
//	JDK     what differs
//	8 - 10  another user is refused even if it is root, with a thread dump where
//	        the trigger is not owned by the JVM's user; VM.info, VM.metaspace and
//	        Compiler.codecache are unknown (code -1)
//	8       "Incorrect scale value: B" comes with code 0
//	11 +    root is accepted; a deleted socket is opened anew after SIGQUIT
//	17.0.x  SIGQUIT is caught from early in the start (JDK-8279124, 19 at first)
//	21 +    System.map exists
//	25 +    a reply is written while the command runs, which stops the application
//	        for a client that is slow, unless protocol 2 asks for it whole. A
//	        malformed request is reported on the application's standard output.
package attach
