// Package arm64 runs jvmem beside JVMs on arm64, in QEMU guests with cgroup v2 whose kernels have
// pages of 4 and 16 KiB (Debian's), or 64 KiB (built from Debian's source). The binary is the one
// of the image for arm64, run by root. A JVM grows each kind of memory by a known amount, for each
// combination of the sources that jvmem can have.
//
// `make e2e-arm64` runs it (e2e/arm64/run).
package arm64
