package cause

import (
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/jvm/jfr"
)

// Line is a place in code.
type Line struct {
	Class  string `json:"class"`  // "com.acme.OrderSync$1"
	Method string `json:"method"` // "connect"
	// File as javac names it after the outermost class: recordings have no file names.
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // 0: unknown
}

func lineOf(f jfr.Frame) Line {
	return Line{Class: f.Class, Method: f.Method, File: fileOf(f.Class), Line: f.Line}
}

// String returns the line as in a stack trace: com.acme.OrderSync.connect(OrderSync.java:42).
func (l Line) String() string {
	if l.Line == 0 {
		return fmt.Sprintf("%s.%s(%s)", l.Class, l.Method, l.File)
	}
	return fmt.Sprintf("%s.%s(%s:%d)", l.Class, l.Method, l.File, l.Line)
}

func fileOf(class string) string {
	name := class[strings.LastIndexByte(class, '.')+1:]
	if end := strings.IndexByte(name, '$'); end > 0 {
		name = name[:end]
	}
	if kotlin, ok := strings.CutSuffix(name, "Kt"); ok && kotlin != "" {
		return kotlin + ".kt"
	}
	return name + ".java"
}
