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

// firstField is the number of the first field after the name.
const firstField = 3

// ParseStat returns the state and the start time, in clock ticks since boot,
// from /proc/<pid>/stat: fields 3 and 22.
func ParseStat(r io.Reader) (state byte, startTicks uint64, err error) {
	const startTime = 22
	fields, err := statFields(r, startTime)
	if err != nil {
		return 0, 0, err
	}
	startTicks, err = strconv.ParseUint(fields[startTime-firstField], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("start time: %w", err)
	}
	return fields[0][0], startTicks, nil
}

// statFields returns the fields after the name, at least up to that number. The
// name, in parentheses, may hold anything, parentheses and line ends too.
func statFields(r io.Reader, until int) ([]string, error) {
	text, err := io.ReadAll(&bounded{r, maxStatBytes})
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return nil, errors.New("no name in parentheses")
	}
	if text[len(text)-1] != '\n' {
		return nil, errors.New("the line is cut")
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) <= until-firstField || len(fields[0]) != 1 {
		return nil, fmt.Errorf("%d fields after the name, want at least %d", len(fields), until-firstField+1)
	}
	return fields, nil
}
