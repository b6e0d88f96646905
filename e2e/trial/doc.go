// Package trial grows the memory of a JVM kind by kind by known amounts, and checks each time what
// jvmem reports: the right row grows by the amount and no other does, the rows add up to usage, and
// freed memory disappears. The JVM is the workload of package jvmtest.
package trial
