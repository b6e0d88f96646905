package owners

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// program is a leak, or a control.
type program struct {
	step  string // of testdata/Leak.java
	cause string // what leaks
	// owner matches each name of the report that is right. "": nobody may be named.
	owner string
	// control: it is right to name nobody. opaque: so it is, but it is a leak of an owner.
	control, opaque bool
	// level is the growth that a control is allowed, in MiB; unlimited if it is 0.
	level float64

	jdk     string // of Debian sid; "": java of this machine
	gc      string // "G1"
	nmt     string // "off"
	threads int    // that leak; 0: the first one
	variant string // of shop.cpp
	malloc  string // a library that replaces glibc's
	smoke   bool   // also part of make e2e-owners
}

// Names of what stands between the JVM and a library. They are right, too.
const (
	jna  = `|com\.sun\.jna`
	zlib = `^libz\b|java\.util\.zip`
)

func programs() []program {
	own := func(step, cause string) program {
		return program{step: step, cause: cause, owner: `^libleaks\b|Native\$Image`}
	}
	opaque := func(p program) program { p.opaque = true; return p }
	shop := func(step, cause, variant string) program {
		return program{step: step, cause: cause, owner: `^libshop`, variant: variant}
	}
	leaks := []program{
		{step: "Zlib.deflater", cause: "Deflater without end()", owner: zlib, smoke: true},
		{step: "Zlib.inflater", cause: "Inflater without end()", owner: zlib},
		{step: "Zlib.stream", cause: "GZIPInputStream without close()", owner: zlib},
		{step: "Jna.memory", cause: "JNA's Memory", owner: `com\.sun\.jna`, smoke: true},
		{step: "Jna.map", cause: "mmap called through JNA", owner: `com\.sun\.jna`},
		{step: "Jna.tlsSession", cause: "OpenSSL: SSL_new", owner: `^libssl|^libcrypto` + jna},
		{step: "Jna.tlsContext", cause: "OpenSSL: SSL_CTX_new", owner: `^libssl|^libcrypto` + jna},
		{step: "Jna.digest", cause: "OpenSSL: EVP_MD_CTX_new", owner: `^libcrypto` + jna},
		{step: "Jna.bignum", cause: "OpenSSL: BN_new", owner: `^libcrypto` + jna},
		{step: "Libraries.tcnativeSession", cause: "OpenSSL: netty-tcnative's sessions", owner: `^libssl|^libcrypto|tcnative`},
		{step: "Jna.xmlDocument", cause: "libxml2: documents", owner: `^libxml2` + jna},
		{step: "Jna.xmlParser", cause: "expat: parsers", owner: `^libexpat` + jna},
		{step: "Jna.regex", cause: "PCRE2: patterns", owner: `^libpcre2` + jna},
		{step: "Jna.archive", cause: "libarchive: readers", owner: `^libarchive` + jna},
		{step: "Jna.dateFormat", cause: "ICU (C++): date formats", owner: `^libicu` + jna},
		{step: "Jna.rocksIterator", cause: "RocksDB (C++): iterators", owner: `^librocksdb` + jna, smoke: true},
		{step: "Jna.rocksBatch", cause: "RocksDB (C++): write batches", owner: `^librocksdb` + jna},
		{step: "Jna.rocksOptions", cause: "RocksDB (C++): options", owner: `^librocksdb` + jna},
		{step: "Jna.levelIterator", cause: "LevelDB (C++): iterators", owner: `^libleveldb` + jna},
		{step: "Jna.sqliteRows", cause: "SQLite: database in memory, through JNA", owner: `^libsqlite3` + jna},
		{step: "Jna.lz4Stream", cause: "LZ4: streams", owner: `^liblz4` + jna},
		{step: "Jna.strdup", cause: "strdup called through JNA: text that nothing refers to", owner: `com\.sun\.jna`, opaque: true},
		{step: "Libraries.sqliteStatement", cause: "SQLite: JDBC statements", owner: `^libsqlite|org\.sqlite`, smoke: true},
		{step: "Libraries.sqliteRows", cause: "SQLite: database in memory, by JDBC", owner: `^libsqlite|org\.sqlite`},
		{step: "Libraries.zstdContext", cause: "zstd-jni: contexts", owner: `^libzstd|com\.github\.luben`},
		{step: "Libraries.zstdStream", cause: "zstd-jni: streams", owner: `^libzstd|com\.github\.luben`},
		{step: "Libraries.xxhash", cause: "lz4-java: hashes", owner: `^liblz4|^libxxhash|net\.jpountz`},
		{step: "Libraries.xapianDocument", cause: "Xapian (C++): documents", owner: `^libxapian|org\.xapian`},
		{step: "Libraries.berkeleyCursor", cause: "Berkeley DB: cursors", owner: `^libdb|com\.sleepycat`},
		{step: "Libraries.zmqMessage", cause: "ZeroMQ (C++): messages that nobody fetches", owner: `^libzmq|^libjzmq|org\.zeromq`},
		{step: "Pictures.jpegReader", cause: "JPEG readers without dispose()", owner: `^libjavajpeg|^libjpeg|imageio`},
		{step: "Pictures.font", cause: "fonts: FreeType", owner: `^libfreetype|^libfontmanager|java\.awt|sun\.(font|java2d)`},
		{step: "Pictures.colour", cause: "colour profiles: Little CMS", owner: `^liblcms|java\.awt|sun\.java2d`},

		with(own("Native.handler", "C: objects with a callback"), func(p *program) { p.smoke = true }),
		own("Native.list", "C: list by a global variable"),
		own("Native.table", "C: table by a global variable, with realloc"),
		own("Native.grow", "C: one block that grows by realloc"),
		own("Native.peer", "C: block of a Java object"),
		own("Native.mapWithCallbacks", "C: mmap, with callbacks"),
		with(own("Native.handler", "C: objects with a callback, in arenas of threads"), func(p *program) { p.threads = 4 }),
		opaque(own("Native.random", "C: random bytes that nothing refers to")),
		opaque(own("Native.text", "C: text that nothing refers to")),
		opaque(own("Native.map", "C: mmap, random bytes")),
		opaque(own("Native.thread", "C: blocks of native threads, in their stacks only")),
		shop("Shop.stored", "C++: map by a global variable", ""),
		shop("Shop.lost", "C++: objects that nothing refers to", ""),
		shop("Shop.lost", "C++: the same, hidden and stripped", "stripped"),
		shop("Shop.lost", "C++: the same, without RTTI", "nortti"),
		shop("Shop.strings", "C++: vector by a global variable", ""),

		{step: "Native.characters", cause: "JNI: GetStringUTFChars without release", owner: `HotSpot|^libjvm`, nmt: "summary"},
		{step: "Native.elements", cause: "JNI: GetByteArrayElements without release", owner: `HotSpot|^libjvm`, nmt: "summary"},
		{step: "Native.globals", cause: "JNI: global references", owner: `HotSpot|^libjvm`, nmt: "summary"},
		{step: "Native.globals", cause: "JNI: global references", owner: `HotSpot|^libjvm`},
		{step: "Native.weaks", cause: "JNI: weak references", owner: `HotSpot|^libjvm`},
		{step: "Memory.direct", cause: "direct buffers", owner: `HotSpot|DirectByteBuffer|Deallocator`, nmt: "summary"},
		{step: "Memory.direct", cause: "direct buffers", owner: `DirectByteBuffer|Deallocator`, smoke: true},
		{step: "Memory.unsafe", cause: "Unsafe.allocateMemory", owner: `HotSpot|\blong\[\]`, nmt: "summary"},
		{step: "Memory.unsafe", cause: "Unsafe.allocateMemory, by a long[]", owner: `long\[\]`},
	}
	controls := []program{
		{step: "Native.reused", cause: "blocks of freed C objects, used again", smoke: true},
		{step: "Shop.deleted", cause: "blocks of deleted C++ objects, used again"},
		{step: "Native.pointers", cause: "numbers that are addresses by chance"},
		{step: "Native.untouched", cause: "calloc, never written"},
		{step: "Native.retained", cause: "freed, retained by glibc", level: 2},
		{step: "Memory.pool", cause: "a pool of 8 MiB", level: 8},
		{step: "Zlib.ended", cause: "Deflater with end()", level: 2},
	}
	for i := range controls {
		controls[i].control = true
	}
	all := append(leaks, controls...)
	for _, jvm := range [][2]string{{"8", "Serial"}, {"8", "G1"}, {"11", "G1"}, {"21", "Serial"}, {"21", "ZGC"}, {"25", "G1"}, {"25", "ZGC"}} {
		all = append(all, elsewhere(leaks, jvm[0], jvm[1])...)
	}
	return append(all, replaced(all, "libjemalloc.so.2")...)
}

// replaced returns some programs with another malloc.
func replaced(all []program, library string) []program {
	var some []program
	for _, step := range []string{"Zlib.deflater", "Jna.memory", "Jna.rocksIterator", "Native.handler", "Native.list", "Shop.stored", "Memory.direct", "Native.reused"} {
		i := slices.IndexFunc(all, func(p program) bool { return p.step == step && p.nmt == "" })
		p := all[i]
		p.malloc, p.smoke = library, step == "Zlib.deflater"
		some = append(some, p)
	}
	return some
}

// elsewhere returns some leaks on a JDK of sid.
func elsewhere(leaks []program, jdk, gc string) []program {
	var some []program
	for _, step := range []string{"Zlib.deflater", "Jna.memory", "Jna.tlsSession", "Jna.rocksIterator", "Libraries.sqliteStatement", "Native.peer", "Memory.direct"} {
		for _, p := range leaks {
			if p.step == step {
				p.jdk, p.gc, p.smoke = jdk, gc, false
				some = append(some, p)
				break
			}
		}
	}
	return some
}

func with(p program, change func(*program)) program { change(&p); return p }

func (p *program) collector() string { return cmp.Or(p.gc, "G1") }

func (p *program) tracking() string { return cmp.Or(p.nmt, "off") }

func (p *program) jvm() string {
	text := fmt.Sprintf("%s, %s, NMT %s", cmp.Or(p.jdk, "host"), p.collector(), p.tracking())
	if p.malloc != "" {
		text += ", " + p.malloc
	}
	return text
}

func (p *program) name() string {
	parts := []string{p.step, p.variant, cmp.Or(p.jdk, "host"), p.collector(), p.tracking()}
	if p.threads > 0 {
		parts = append(parts, "threads")
	}
	if p.malloc != "" {
		parts = append(parts, p.malloc)
	}
	return strings.ReplaceAll(strings.Join(parts, "-"), "--", "-")
}
