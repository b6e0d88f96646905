// Package e2e runs jvmem beside real JVMs in real containers: JVMs that grow by
// known amounts, pods whose JVMs come and go, and sidecars that may not look.
// The command in run makes what is needed, runs these tests on this machine and
// in a guest, and keeps what passed; `make e2e` calls it.
//
//	run     the command: builds, hosts, what is kept, docs/accuracy.md
//	debian  Debian sid by debootstrap: JDKs, and root file systems of containers and guest
//	vm      a QEMU guest with cgroup v2 and systemd
//	docker  a Docker daemon of the tests' own
//	cri     a containerd of the tests' own, driven as kubelet drives it
//	daemon  what both have in common: folder, cgroup, namespaces, leaving nothing behind
//	pod     what the tests ask of either
//	result  what the tests tell the command
//
// The test binary is the same on each host. A unit is what is run, or known from
// an earlier run, as a whole: a scenario, or a cell of the matrix of JDK,
// collector and Native Memory Tracking, on an engine.
//
// Needs root and Linux; the rest is installed with apt, or downloaded. What is
// missing fails the tests, it never skips them. The JSON that jvmem answers is
// decoded with types of this package, made from the contract and not from the
// product's: a field that was renamed is missing here.
package e2e
