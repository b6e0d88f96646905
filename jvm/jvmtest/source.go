package jvmtest

import "fmt"

// bigSource returns a class whose size is bytecode of many methods: its metaspace
// is large, and defining it leaves little else behind.
func bigSource() []byte {
	const methods, statements = 400, 100
	b := []byte("public class Big {\n")
	for m := range methods {
		b = fmt.Appendf(b, "static int m%d(int x) {\n", m)
		for s := range statements {
			b = fmt.Appendf(b, "x = x * %d + %d;\n", 31+s, m)
		}
		b = append(b, "return x; }\n"...)
	}
	return append(b, "}\n"...)
}

// jitSource returns a small class whose compiled code is large: about 1 MiB. Its
// methods inline a tree of others, and return at once when they are called.
func jitSource() []byte {
	const methods, calls = 220, 8
	b := []byte(`public class Jit implements Runnable {
static int leaf(int x, int y) { return (x * y + (x ^ y)) * (x - y) ^ (x >> 3) + y * 7; }
static int branch(int x, int y) { return leaf(leaf(leaf(leaf(x, y), y), y), y); }
static int tree(int x, int y) { return branch(branch(branch(branch(x, y), y), y), y); }
`)
	for m := range methods {
		b = fmt.Appendf(b, "static int m%d(int x, int y) { if (x == y) return x;\n", m)
		for range calls {
			b = append(b, "x = tree(x, y);\n"...)
		}
		b = append(b, "return x; }\n"...)
	}
	b = append(b, "public void run() { tree(1, 2);\n"...)
	for m := range methods {
		b = fmt.Appendf(b, "m%d(1, 1);\n", m)
	}
	return append(b, "} }\n"...)
}
