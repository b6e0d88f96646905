package apps

// scriptCases returns those of Jython, and more of Groovy: a class loader for each script.
func scriptCases() []testCase {
	const (
		jython = "/usr/share/java/jython.jar" // whose manifest names what else it needs
		groovy = "/usr/share/java/groovy-all.jar"
	)
	scripts := server{
		name:    "Groovy, a class loader per script",
		needs:   []need{{file: jython, debian: "jython"}, {file: groovy, debian: "groovy"}},
		program: "ScriptApp", jars: []string{jython, groovy},
	}
	held := testCase{
		server: scripts, fault: "the scripts are kept", verdict: "class_loader", gc: "Parallel", limit: 384, faults: 1000,
		flags: []string{"-Dbench.fault=groovy", "-Xmx160m", "-XX:NativeMemoryTracking=off"}, line: "ScriptApp.groovy(",
	}
	interpreters := held.clean()
	interpreters.server.name, interpreters.gc, interpreters.faults = "Jython, an interpreter per script", "Serial", 250
	interpreters.flags = []string{"-Dbench.fault=jython", "-XX:NativeMemoryTracking=off"}
	return []testCase{held, held.clean(), interpreters}
}
