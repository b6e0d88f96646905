// Package debian gets from Debian sid what the end-to-end tests run on, and keeps
// it on this machine, some 2 GB:
//
//	system             the root file system of a guest: systemd, containerd, runc,
//	                   crun, util-linux, coreutils; no documentation, no locales
//	base               the root file system of a JVM's container: a shell, a few
//	                   programs, the libraries that they and a JDK need, folders to
//	                   mount on; no links
//	jdk/8 ... jdk/28   JDKs: 8, 11, 17, 21, 25 and all that sid has beyond; with class
//	                   data sharing, and no link that leads out
//	jdk/17-no-attach   a JRE of few modules, without jdk.attach and jdk.jcmd
//	jdk/manifest.json  which JDKs these are, and their collectors: see ReadManifest
//
// The packages come by debootstrap, which checks their signatures. They are
// unpacked but not configured: that is faster, and some JDKs fail at it. What
// configuring makes and the tests need is made here.
//
// Programs of sid run in a chroot, in namespaces that end with this process. It
// needs root, on amd64. What is missing is installed with apt-get, as all that
// the Makefile needs.
package debian
