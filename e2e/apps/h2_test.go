package apps

// h2Cases returns those of H2, a database in memory or on disk.
func h2Cases() []testCase {
	const jar = "/usr/share/java/h2.jar"
	h2 := server{
		name: "H2", needs: []need{{file: jar, debian: "libh2-java"}},
		program: "H2App", jars: []string{jar},
	}
	sessions := testCase{
		server: h2, fault: "sessions never closed", verdict: "heap", limit: 384, faults: 2600, flags: []string{"-Xmx128m"},
		line: "H2App.fault(",
	}
	onDisk := h2
	onDisk.name, onDisk.program = "H2, on disk", "H2StatementsApp"
	statements := testCase{
		server: onDisk, fault: "prepared statements never closed", verdict: "heap", gc: "Z", limit: 512, faults: 1500,
		flags: []string{"-Dbench.fault=statements", "-Xmx128m"}, line: "H2StatementsApp.statement(",
	}
	report := testCase{
		server: onDisk, fault: "a large result, buffered", limit: 384, faults: 40,
		flags: []string{"-Dbench.fault=report", "-Xmx128m"},
	}
	return []testCase{sessions, sessions.clean(), statements, report}
}
