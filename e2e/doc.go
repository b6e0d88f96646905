// Package e2e runs bin/jvmem in real containers: the sidecar beside a JVM that
// grows by known amounts, with the kernel and HotSpot of this machine. `make
// e2e` builds the binary and runs it.
//
// The images are made of this machine's own files, so no registry is needed;
// Docker is a daemon of the tests' own (package docker). Needs root, Linux, and
// a JDK 17 or newer (JAVA_HOME, else java of PATH). What is missing fails the
// tests, it never skips them.
//
// The JSON that jvmem answers is decoded with types of this package, made from
// the contract and not from the product's: a field that was renamed is missing
// here.
//
//	pod              a container that holds the PID namespace, as the pause
//	                 container of Kubernetes does; the JVM's container and the
//	                 sidecar's join it, and share nothing else
//	plain            docker run --pid=container:<the JVM's>
//	/data, /tmp      folders of the host, as a file in a tmpfs would be shared memory
//	/dev/shm         256 MiB
package e2e
