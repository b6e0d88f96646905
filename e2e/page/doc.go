// Package page tests the page at / as a person uses it: a JVM, jvmem and Chromium, with
// pointer and keyboard, in light and dark mode, at desktop and phone size. It saves
// screenshots. `make e2e-page` runs it.
package page
