package apps

// nettyCases returns those of a search server: Netty, Lucene and a cache of Guava.
func nettyCases() []testCase {
	const (
		netty  = "/usr/share/java/netty-"
		lucene = "/usr/share/java/lucene-"
		guava  = "/usr/share/java/guava.jar"
	)
	jars := []string{
		netty + "buffer.jar", netty + "common.jar", netty + "transport.jar", netty + "resolver.jar", netty + "handler.jar",
		netty + "codec.jar", netty + "codec-http.jar", lucene + "core-8.7.0.jar", lucene + "analyzers-common-8.7.0.jar", guava,
	}
	search := server{
		name: "Netty, Lucene, Guava",
		needs: []need{
			{file: jars[0], debian: "libnetty-java"}, {file: lucene + "core-8.7.0.jar", debian: "liblucene8-java"},
			{file: guava, debian: "libguava-java"},
		},
		program: "SearchApp", jars: jars,
	}
	buffers := testCase{
		server: search, fault: "buffers never released", verdict: "direct_buffers", limit: 384, faults: 3600,
		flags: []string{"-Dbench.fault=buffers", "-XX:MaxDirectMemorySize=1g"}, line: "SearchApp.transcode(",
	}
	cache := testCase{
		server: search, fault: "cache without a maximum", verdict: "heap", gc: "Parallel", limit: 384, faults: 5300,
		flags: []string{"-Dbench.fault=cache"}, line: "SearchApp",
	}
	clean := buffers.clean()
	clean.gc, clean.limit = "Z", 512
	return []testCase{buffers, cache, clean}
}
