// Package page tests the page at / as a person uses it: a real JVM, jvmem beside it,
// and a real Chromium, by pointer and by keyboard, in light and dark, on a desk and
// on a phone. It keeps screenshots for looking at. `make e2e-page` runs it.
package page
