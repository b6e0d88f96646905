// Package ephemeral adds an ephemeral container with jvmem to a running pod, without a
// restart and without shareProcessNamespace: kubelet puts it into the process namespace of
// the target container.
//
// jvmem must have the UID and GID of the JVM. If they are known, from the status or the
// spec of the container, it starts with these and nothing else, as Pod Security restricted
// requires. Otherwise it starts as root with the default capabilities of the container
// runtime, as Pod Security baseline permits, and --user=jvm makes it take over the user of
// the JVM and drop them.
//
// An ephemeral container can have no resource limits and cannot be removed. So jvmem gets a
// limit for its heap by GOMEMLIMIT, keeps to its default --max-cpu, and ends by itself with
// --for, which also makes the kernel kill it before the JVM if the pod runs out of memory.
package ephemeral
