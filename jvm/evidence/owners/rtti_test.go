package owners

import (
	"strings"
	"testing"
)

func TestTypeNames(t *testing.T) {
	for mangled, want := range map[string]string{
		"N4acme3net7SessionE":                    "acme::net::Session",
		"*N12_GLOBAL__N_15LocalE":                "(anonymous namespace)::Local",
		"St6vectorIiSaIiEE":                      "std::vector<int, std::allocator<int> >",
		"6Widget":                                "Widget",
		"":                                       "",
		"secret text":                            "",
		"lower":                                  "",
		"6Wid":                                   "",
		"N4acme3net7SessionE\x1b[31m":            "",
		strings.Repeat("P", 300) + "i":           "",
		"St8functionI" + strings.Repeat("N", 90): "",
	} {
		if got := typeName(mangled); got != want {
			t.Errorf("%q: %q, want %q", mangled, got, want)
		}
	}
	if got := plainName("_ZN4acme5startEi"); got != "acme::start" {
		t.Errorf("%q", got)
	}
}

// TestClass reads a class from its table of virtual functions.
func TestClass(t *testing.T) {
	f := fakeMemory{tableAt: make([]byte, 0x1000), textAt: make([]byte, 0x1000)}
	f.put(tableAt, 0, tableAt+0x100, codeAt, codeAt+16) // offset to top, type_info, functions
	f.put(tableAt+0x100, vmTableAt, textAt)             // its own table, and the name
	copy(f[textAt], "N4acme3net7SessionE\x00")
	p := fakeProcess(f)
	if got := p.class(tableAt + 16); got != "acme::net::Session" || !p.isVTable(tableAt+16) {
		t.Errorf("%q", got)
	}
	for _, addr := range []uint64{tableAt + 24, codeAt, 8, 0} {
		if got := p.class(addr); got != "" {
			t.Errorf("%#x: %q", addr, got)
		}
	}
	if got := p.detail(key{target: tableAt + 16}); got != "class acme::net::Session" {
		t.Errorf("%q", got)
	}
}

func FuzzTypeName(f *testing.F) {
	f.Add("N4acme3net7SessionE")
	f.Add("_ZN4acme5startEi")
	f.Fuzz(func(t *testing.T, mangled string) {
		for _, name := range []string{typeName(mangled), plainName(mangled)} {
			if len(name) > maxNameBytes || strings.ContainsAny(name, "\n\x1b\x00") {
				t.Errorf("%q", name)
			}
		}
	})
}
