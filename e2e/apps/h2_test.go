package apps

// h2Cases returns those of H2, a database in memory.
func h2Cases() []testCase {
	const jar = "/usr/share/java/h2.jar"
	h2 := server{
		name: "H2", needs: []need{{file: jar, debian: "libh2-java"}},
		program: "H2App", jars: []string{jar},
	}
	sessions := testCase{
		server: h2, fault: "sessions never closed", verdict: "heap", limit: 384, faults: 2600, flags: []string{"-Xmx128m"},
	}
	return []testCase{sessions, sessions.clean()}
}
