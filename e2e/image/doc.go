// Package image tests the container image: Docker builds the Dockerfile at the root of the
// repository by `make image`, with BuildKit and without, and runs the image in a pod with a
// JVM.
//
// No registry is contacted. The builder image consists of this machine's Go, its shell and
// a module proxy in files; the build itself has no network. The JVM's container uses this
// machine's JDK.
//
// It needs root, a JDK, make and git. `make e2e-image` runs it and installs the rest with
// apt-get.
package image
