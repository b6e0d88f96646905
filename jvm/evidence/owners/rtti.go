package owners

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

const (
	maxTypeBytes = 256 // of a mangled name
	// maxNameBytes bounds a demangled name: 2^8.
	maxNameBytes  = 256
	maxNamePowers = 8
)

// isVTable reports whether a table of virtual functions is at addr: its first entries are
// code.
func (p *process) isVTable(addr uint64) bool {
	words, ok := p.words(addr, 2)
	if !ok {
		return false
	}
	for _, w := range words {
		if s := p.libraries.at(w); s != nil && s.code {
			return true
		}
	}
	return false
}

// class returns the class of the table of virtual functions at addr by its type_info
// (Itanium C++ ABI, 2.5.2 and 2.9.5), "" if it has none.
func (p *process) class(addr uint64) string {
	before, ok := p.words(addr-8, 1)
	if !ok || p.libraries.at(before[0]) == nil {
		return ""
	}
	info, ok := p.words(before[0], 2)
	if !ok || p.libraries.at(info[0]) == nil || p.libraries.at(info[1]) == nil {
		return ""
	}
	return typeName(p.text(info[1], maxTypeBytes))
}

// typeName demangles the name of a type_info; "" for what is none.
func typeName(mangled string) string {
	mangled = strings.TrimPrefix(mangled, "*") // not unique among libraries
	// A class has a length and a name, is nested, or of std.
	if mangled == "" || !isMangled(mangled) || (mangled[0] < '1' || mangled[0] > '9') && mangled[0] != 'N' && mangled[0] != 'S' {
		return ""
	}
	full, err := demangle.ToString("_ZTS"+mangled, demangle.NoClones, demangle.MaxLength(maxNamePowers))
	if err != nil {
		return ""
	}
	return bounded(strings.TrimPrefix(full, "typeinfo name for "))
}

// plainName is the name of a symbol, demangled.
func plainName(symbol string) string {
	if !isMangled(symbol) {
		return ""
	}
	return bounded(demangle.Filter(symbol, demangle.NoParams, demangle.NoClones, demangle.MaxLength(maxNamePowers)))
}

// isMangled reports whether a symbol has the letters of one only.
func isMangled(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '.' && c != '$' && c != '@' {
			return false
		}
	}
	return true
}

func bounded(name string) string { return name[:min(len(name), maxNameBytes)] }
