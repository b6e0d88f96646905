package apps

import "fmt"

// jettyCases returns those of Jetty, embedded: each visitor gets a session.
func jettyCases() []testCase {
	const (
		jetty   = "/usr/share/java/jetty9-"
		servlet = "/usr/share/java/servlet-api.jar"
	)
	jars := []string{
		jetty + "server.jar", jetty + "servlet.jar", jetty + "http.jar", jetty + "io.jar", jetty + "security.jar", jetty + "util.jar",
		jetty + "util-ajax.jar", servlet,
	}
	server := server{
		name: "Jetty", needs: []need{{file: jars[0], debian: "libjetty9-java"}, {file: servlet, debian: "libservlet-api-java"}},
		program: "JettyApp", jars: jars,
	}
	sessions := testCase{
		server: server, fault: "sessions that never end", verdict: "heap", limit: 320, faults: 1900, line: "JettyApp$App.doGet(",
	}
	ending := testCase{
		server: server, fault: "sessions that end after a sixth of the time", gc: "Parallel", limit: 320, faults: 3000,
		flags: []string{fmt.Sprintf("-Dbench.seconds=%.0f", duration.Seconds()/6)},
	}
	clean := ending.clean()
	clean.flags = []string{"-Dbench.seconds=60"}
	return []testCase{sessions, ending, clean}
}
