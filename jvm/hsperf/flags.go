package hsperf

import "strings"

// Texts that may contain secrets (-Dpassword=..., arguments of main).
const (
	vmArgs      = "java.rt.vmArgs"
	vmFlags     = "java.rt.vmFlags"
	javaCommand = "sun.rt.javaCommand"
)

// Flag returns the value of one flag of the VM, as it was set:
//
//	"NativeMemoryTracking"   "summary"  of -XX:NativeMemoryTracking=summary
//	"DisableAttachMechanism" "true"     of -XX:+DisableAttachMechanism, "false" of -XX:-...
//	"Xmx", "Xms", "Xss"...   "256m"     of -Xmx256m
//	"Xrs"                    ""         of -Xrs
//
// The last one has precedence, as in the VM: settings files, JAVA_TOOL_OPTIONS, command
// line, _JAVA_OPTIONS. ok is false if the flag was not set: its default and changes at
// run time are unknown here.
//
// The JVM stores its arguments joined by blanks. An argument that contains a blank can
// therefore look like another flag; nothing distinguishes them.
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
