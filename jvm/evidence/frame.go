package evidence

import "strings"

// plain returns a frame without what the JVM or a library numbered when it generated the
// class, so that threads that do the same have the same stack:
//
//	Job$$Lambda$14/0x0000000840083040.run(Unknown Source)   Job$$Lambda$#.run(Unknown Source)
//	jdk.proxy2.$Proxy12.call(Unknown Source)                jdk.proxy#.$Proxy#.call(Unknown Source)
func plain(frame string) string {
	open := strings.IndexByte(frame, '(')
	if open < 0 {
		open = len(frame)
	}
	method := frame[:open]
	if slash := strings.IndexByte(method, '/'); slash >= 0 { // a hidden class; a module was removed
		if dot := strings.IndexByte(method[slash:], '.'); dot >= 0 {
			method = method[:slash] + method[slash+dot:]
		}
	}
	for _, generated := range []string{"$$Lambda$", "$Proxy", "jdk.proxy", "MethodAccessor", "ConstructorAccessor", "CGLIB$$"} {
		if before, after, ok := strings.Cut(method, generated); ok {
			if rest := strings.TrimLeft(after, "0123456789abcdef"); rest != after {
				method = before + generated + "#" + rest
			}
		}
	}
	return method + frame[open:]
}
