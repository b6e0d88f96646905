module github.com/jvmem/jvmem/e2e

go 1.26.0

require github.com/jvmem/jvmem v0.0.0

replace github.com/jvmem/jvmem => ../
