// Package top lists the JVM containers of many pods: what their memory is, what grows, and
// which one ends first.
//
// Unknown is "-", never 0. The order is by the time to the limit; then come confirmed
// incidents, suspected ones, and the rest by its share of the limit. Pods that could not be
// asked are in the list too, last, with the reason.
package top
