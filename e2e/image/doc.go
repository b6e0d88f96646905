// Package image tests the container image: a real Docker builds the Dockerfile
// at the root of the repository by `make image`, with BuildKit and without, and
// runs the result beside a JVM.
//
// No registry is reached. The builder image is made of this machine's Go, its
// shell, and a module proxy in files; the build itself has no network. The JVM's
// container has this machine's JDK.
//
// It needs root, a JDK, make and git. The rest is installed with apt-get: run it
// by `make e2e-image`.
package image
