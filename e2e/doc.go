// Package e2e runs jvmem with real JVMs in real containers: JVMs that grow by known
// amounts, pods whose JVMs start and stop, and sidecars with restricted access. The command
// run builds what is needed, runs these tests on this machine and in a guest, and stores
// the results that passed; `make e2e-containers` calls it.
//
//	arm64        JVMs on arm64, with pages of 4 KiB and more; make e2e-arm64
//	trial        memory that grows by known amounts, and what jvmem reports of it
//	run          the command: builds, hosts, stored results, docs/accuracy.md
//	sidecar      starts jvmem, waits for it and queries it, for all packages below
//	debian       Debian sid by debootstrap: JDKs, root file systems of containers and guest
//	vm           a QEMU guest with cgroup v2 and systemd
//	docker       a Docker daemon for the tests alone
//	cri          a containerd for the tests alone, driven as kubelet does
//	daemon       what both share: folder, cgroup, namespaces, cleaning up
//	pod          the interface to both
//	result       the results that the tests pass to run
//
// Tests of other parts, each with a target of the Makefile:
//
//	image        the container image
//	chart        the Helm chart
//	page         the web page in a browser
//	prometheus   metrics, rules and dashboard
//	readme       the commands of README.md
//	leaks        verdicts about real leaks
//	apps         verdicts beside real servers
//	performance  cost, stalls and resource use
//
// The same test binary runs on every host. A unit is run, or known from an earlier run, as
// a whole: it is a scenario, or a cell of the matrix of JDK, collector and Native Memory
// Tracking, on an engine.
//
// The tests need root and Linux; other requirements are installed with apt or downloaded.
// A missing requirement fails the tests, it never skips them.
package e2e
