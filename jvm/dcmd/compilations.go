package dcmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Compilation is the last compilation of one method by one compiler.
type Compilation struct {
	Compiler string `json:"compiler"` // "c1", "c2"
	Method   string `json:"method"`   // "java.util.Formatter.format", without its arguments
	// PeakBytes is the most memory that the compilation used at once. It is freed at its end.
	PeakBytes int64 `json:"peak_bytes"`
	// Result is "ok", "err", or "oom" if it reached the limit of memory (MemLimit).
	Result string `json:"result"`
}

// ErrNotCollected means that the JVM does not keep what compilations use: it does only if
// it was started with -XX:CompileCommand=MemStat,*.*.
var ErrNotCollected = errors.New("the JVM does not collect what compilations use")

// ParseCompilations parses the first rows of one reply to Compiler.memory (JDK 22 and newer): those
// that used most. The columns differ by version, so their names decide (OpenJDK
// src/hotspot/share/compiler/compilationMemoryStatistic.cpp; tried with 25 and 28):
//
//	JDK 24  total  NA  RA  …  result  #nodes  limit  time  type  #rc  thread  method
//	JDK 25  ctyp  total  ra  node  …  #nodes  result  limit  time  id  thread  method
func ParseCompilations(text string, rows int) ([]Compilation, error) {
	if strings.Contains(text, "statistics disabled") {
		return nil, fmt.Errorf("parse Compiler.memory: %w", ErrNotCollected)
	}
	var columns []string
	all := []Compilation{}
	compiler, total, result, method := -1, -1, -1, -1
	for line := range strings.Lines(text) {
		if line[len(line)-1] != '\n' { // truncated
			break
		}
		fields := strings.Fields(line)
		if columns == nil {
			method, total, result = slices.Index(fields, "method"), slices.Index(fields, "total"), slices.Index(fields, "result")
			if compiler = slices.Index(fields, "ctyp"); compiler < 0 {
				compiler = lastIndex(fields, "type") // another one is the size of types
			}
			if min(compiler, total, result) >= 0 && method == len(fields)-1 {
				columns = fields
			}
			continue
		}
		if len(fields) != len(columns) || len(all) == rows {
			continue // the summary that follows, or a value that is missing
		}
		if bytes, _, ok := number(fields[total]); ok {
			name, _, _ := strings.Cut(fields[method], "(") // java/util/Formatter::format((…)V)
			name = strings.ReplaceAll(strings.ReplaceAll(name, "/", "."), "::", ".")
			all = append(all, Compilation{fields[compiler], name, bytes, fields[result]})
		}
	}
	if columns == nil {
		return nil, fmt.Errorf("parse Compiler.memory: no table: %.80q", text)
	}
	return all, nil
}

func lastIndex(list []string, value string) int {
	for i, v := range slices.Backward(list) {
		if v == value {
			return i
		}
	}
	return -1
}
