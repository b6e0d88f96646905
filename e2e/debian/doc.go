// Package debian builds, from Debian sid, the trees on which the end-to-end tests run, and
// keeps them on this machine, about 2 GB:
//
//	system             root file system of a guest: systemd, containerd, runc, crun,
//	                   util-linux, coreutils; no documentation, no locales
//	base               root file system of a JVM's container: a shell, a few programs, the
//	                   libraries that they and a JDK need, folders to mount on; no links
//	jdk/8 ... jdk/28   JDKs 8, 11, 17, 21, 25 and all newer ones that sid has; with class
//	                   data sharing, without links that point outside
//	jdk/17-no-attach   a JRE of few modules, without jdk.attach and jdk.jcmd
//	jdk/manifest.json  the JDKs and their collectors: see ReadManifest
//
// debootstrap downloads the packages and checks their signatures. They are unpacked but not
// configured, which is faster and fails for some JDKs; this package creates what
// configuration would and the tests need.
//
// Programs of sid run in a chroot, in namespaces that end with this process. It needs root,
// on amd64. Missing programs are installed with apt-get.
package debian
