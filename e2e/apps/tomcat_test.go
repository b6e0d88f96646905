package apps

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
	}
	return []testCase{executors, executors.clean()}
}
