package apps

// groovyCases returns those of Groovy.
func groovyCases() []testCase {
	const jar = "/usr/share/java/groovy-all.jar"
	groovy := server{
		name: "Groovy", needs: []need{{file: jar, debian: "groovy"}},
		program: "GroovyApp", jars: []string{jar},
	}
	shared := testCase{
		server: groovy, fault: "one shared GroovyShell", verdict: "class_loader", limit: 320, faults: 3800, line: "GroovyApp.fault(",
	}
	return []testCase{shared, shared.clean()}
}
