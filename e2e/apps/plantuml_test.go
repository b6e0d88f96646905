package apps

// plantumlCases returns those of a service that draws: PlantUML, Java2D and FreeType. Its stacks are many and deep.
func plantumlCases() []testCase {
	const plantuml, typeface = "/usr/share/plantuml/plantuml.jar", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
	pictures := server{
		name: "PlantUML", needs: []need{{file: plantuml, debian: "plantuml"}, {file: typeface, debian: "fonts-dejavu-core"}},
		program: "DiagramApp", jars: []string{plantuml}, rate: 8,
	}
	fonts := testCase{
		server: pictures, fault: "fonts kept", verdict: "native_untracked", limit: 448, faults: 2600,
		flags: []string{"-Djava.awt.headless=true"}, line: "DiagramApp.invoice(",
	}
	return []testCase{fonts, fonts.clean()}
}
