// Package attach is a client of HotSpot's attach protocol, which jcmd uses: no JDK, no
// subprocess, no agent.
//
// It connects to the Unix socket /tmp/.java_pid<nspid> below the JVM's root. If the
// socket does not exist, a handshake makes the JVM open it: a trigger file
// .attach_pid<nspid>, owned by the JVM's user, and SIGQUIT.
//
// It never
//   - sends SIGQUIT unless, at that moment, the process is still the same, has mapped
//     HotSpot's libjvm.so, catches SIGQUIT and is not stopped: uncaught, the signal
//     kills; a Go program catches it and exits; OpenJ9 writes a javacore;
//   - sends SIGQUIT where the JVM would print a thread dump to the application's
//     standard output: attach is disabled, /tmp is not writable, a trigger file exists
//     that it does not accept, or a handshake failed a short time ago;
//   - sends a command that is not in its fixed list (see Command);
//   - follows symbolic links out of the JVM's root, or uses a socket that does not
//     belong to the JVM;
//   - waits or reads without a bound.
//
// Documents: OpenJDK src/hotspot/os/posix/attachListener_posix.cpp (before 22
// os/linux/attachListener_linux.cpp), share/services/attachListener.cpp,
// share/runtime/os.cpp (signal_thread_entry),
// src/jdk.attach/linux/classes/sun/tools/attach/VirtualMachineImpl.java;
// proc_pid_status(5), unix(7), pidfd_send_signal(2). The bytes and the checks
// are in docs/protocol.md.
//
//	JDK     what differs
//	8 - 10  any other user is rejected, even root, with a thread dump if the trigger
//	        file is not owned by the JVM's user; VM.info, VM.metaspace and
//	        Compiler.codecache are unknown (code -1)
//	11 +    root is accepted; a deleted socket is opened anew after SIGQUIT
//	17.0.x  SIGQUIT is caught from early in the start (JDK-8279124, 19 at first)
//	25 +    a reply is written while the command runs, which stops the application
//	        if the client is slow, unless protocol 2 asks for it at once. A
//	        malformed request is reported on the application's standard output.
package attach
