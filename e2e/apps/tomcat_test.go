package apps

import "slices"

// tomcatCases returns those of Tomcat, embedded.
func tomcatCases() []testCase {
	const core = "/usr/share/java/tomcat10-embed-core.jar"
	const annotations = "/usr/share/java/jakarta-annotation-api.jar" // which Tomcat needs
	tomcat := server{
		name:    "Tomcat",
		needs:   []need{{file: core, debian: "libtomcat10-embed-java"}, {file: annotations, debian: "libjakarta-annotation-api-java"}},
		program: "TomcatApp", jars: []string{core, annotations},
	}
	executors := testCase{
		server: tomcat, fault: "executor for each request", verdict: "threads", subject: "pool-", limit: 320, faults: 1700,
		line: "TomcatApp$App.doGet(",
	}
	return slices.Concat([]testCase{executors, executors.clean()}, redeployCases(tomcat), archiveCases(tomcat))
}

// redeployCases returns those of a web application that is deployed anew again and again.
// Its thread keeps its class loader as well, so both verdicts are right.
func redeployCases(tomcat server) []testCase {
	const guava = "/usr/share/java/guava.jar" // which the application brings
	tomcat.name, tomcat.program = "Tomcat, redeployments", "RedeployApp"
	tomcat.needs = append(slices.Clone(tomcat.needs), need{file: guava, debian: "libguava-java"})
	tomcat.jars = append(slices.Clone(tomcat.jars), guava)
	threads := testCase{
		server: tomcat, fault: "thread kept by each redeployment", verdict: "threads", also: "class_loader", limit: 320, faults: 110,
		line: "Webapp.init(",
	}
	clean := threads.clean()
	clean.gc = "Serial"
	return []testCase{threads, clean}
}

// archiveCases returns those of a service that compresses documents, most of which only look
// like a leak.
func archiveCases(tomcat server) []testCase {
	const groovy = "/usr/share/java/groovy-all.jar" // has many classes
	tomcat.name, tomcat.program = "Tomcat, archive", "ArchiveApp"
	tomcat.needs = append(slices.Clone(tomcat.needs), need{file: groovy, debian: "groovy"})
	tomcat.jars = append(slices.Clone(tomcat.jars), groovy)
	bounded := testCase{
		server: tomcat, fault: "cache that fills to its bound", gc: "Serial", limit: 320, faults: 3600,
		flags: []string{"-Dbench.fault=cache"},
	}
	boundedZ := bounded // no generations: garbage counts as what survives
	boundedZ.server.name, boundedZ.gc, boundedZ.limit = "Tomcat, archive on ZGC", "Z", 448
	boundedG1 := bounded // the collector of most
	boundedG1.server.name, boundedG1.gc = "Tomcat, archive on G1", ""
	return []testCase{
		{
			server: tomcat, fault: "Deflater and Inflater never ended", verdict: "native_untracked", gc: "Serial", limit: 320, faults: 950,
			flags: []string{"-Dbench.fault=zlib", "-XX:NativeMemoryTracking=off"}, line: "ArchiveApp$Zlib.answer(",
		},
		{
			server: tomcat, fault: "unclosed GZIP streams, which are collected", gc: "Parallel", limit: 384, faults: 2500,
			flags: []string{"-Dbench.fault=gzip"},
		},
		bounded, boundedZ, boundedG1,
		{
			server: tomcat, fault: "classes loaded with first use", limit: 448, faults: 1500,
			flags: []string{"-Dbench.fault=classes", "-XX:NativeMemoryTracking=off"},
		},
		{server: tomcat, fault: "nightly batch", limit: 384, faults: 3, flags: []string{"-Dbench.fault=batch"}},
	}
}
