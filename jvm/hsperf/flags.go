package hsperf

import "strings"

// Texts that may hold secrets (-Dpassword=..., arguments of main).
const (
	vmArgs      = "java.rt.vmArgs"
	vmFlags     = "java.rt.vmFlags"
	javaCommand = "sun.rt.javaCommand"
)

// Flag looks up one flag of the VM by its name and returns its value as given:
//
//	"NativeMemoryTracking"   "summary"  of -XX:NativeMemoryTracking=summary
//	"DisableAttachMechanism" "true"     of -XX:+DisableAttachMechanism, "false" of -XX:-...
//	"Xmx", "Xms", "Xss"...   "256m"     of -Xmx256m
//	"Xrs"                    ""         of -Xrs
//
// The later one wins, as in the VM: settings files, JAVA_TOOL_OPTIONS, command
// line, _JAVA_OPTIONS. ok is false if the flag was not given: its default is
// not known here, nor is a change at run time.
//
// The JVM stores its arguments joined by blanks. An argument that holds a blank
// itself can therefore look like another flag; HotSpot leaves no way to tell.
func (d *Data) Flag(name string) (value string, ok bool) {
	if name == "" {
		return "", false
	}
	for _, list := range [...]string{vmFlags, vmArgs} {
		for arg := range strings.FieldsSeq(d.strings[list]) {
			if v, found := flagValue(arg, name); found {
				value, ok = v, true
			}
		}
	}
	return value, ok
}

// flagValue returns the value if arg sets the flag of that name.
func flagValue(arg, name string) (string, bool) {
	if flag, ok := strings.CutPrefix(arg, "-XX:"); ok {
		switch {
		case flag == "+"+name:
			return "true", true
		case flag == "-"+name:
			return "false", true
		}
		return strings.CutPrefix(flag, name+"=")
	}
	switch name {
	case "Xmx", "Xms", "Xmn", "Xss":
		value, ok := strings.CutPrefix(arg, "-"+name)
		return value, ok && value != ""
	}
	return "", strings.HasPrefix(name, "X") && arg == "-"+name
}
