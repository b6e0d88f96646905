package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxStatBytes is far above 51 numbers and a name.
const maxStatBytes = 16 << 10

// ParseStat returns the state and the start time, in clock ticks since boot,
// from /proc/<pid>/stat: fields 3 and 22. The name before them, in parentheses,
// may hold anything, parentheses and line ends too.
func ParseStat(r io.Reader) (state byte, startTicks uint64, err error) {
	const fromState, startTime = 3, 22
	text, err := io.ReadAll(&bounded{r, maxStatBytes})
	if err != nil {
		return 0, 0, err
	}
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return 0, 0, errors.New("no name in parentheses")
	}
	if text[len(text)-1] != '\n' {
		return 0, 0, errors.New("the line is cut")
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) <= startTime-fromState || len(fields[0]) != 1 {
		return 0, 0, fmt.Errorf("%d fields after the name, want at least %d", len(fields), startTime-fromState+1)
	}
	startTicks, err = strconv.ParseUint(fields[startTime-fromState], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("start time: %w", err)
	}
	return fields[0][0], startTicks, nil
}
