package attach

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Reply is what the JVM answered.
type Reply struct {
	// Code is the first line of the answer: 0, or not 0 when a command was
	// refused. Some refusals come with 0: the text says so.
	Code int
	// Text is all that follows. The texts of several commands follow each other
	// without a separator; after a refused one comes nothing.
	Text string
	// Truncated says that the end is missing.
	Truncated bool
}

// usualBytes is above what the JVM answers to what is asked for in every sample.
const usualBytes = 16 << 10

// maxCodeBytes bounds the first line: a sign, ten digits and the line end.
const maxCodeBytes = 12

var (
	errNoReply  = errors.New("closed without an answer")
	errNoCode   = errors.New("the first line is not a number")
	errTooLarge = errors.New("too large")
)

// readReply reads up to the end of r. A reply whose text is longer than
// maxBytes is cut there and comes with errTooLarge; a failed read gives what
// came before it, marked truncated, with that failure.
func readReply(r io.Reader, maxBytes int64) (Reply, error) {
	var buffer bytes.Buffer
	buffer.Grow(usualBytes)
	_, readErr := buffer.ReadFrom(io.LimitReader(r, maxCodeBytes+maxBytes+1))
	raw := buffer.Bytes()
	if len(raw) == 0 {
		if readErr != nil {
			return Reply{Truncated: true}, fmt.Errorf("%w: %w", errNoReply, readErr)
		}
		return Reply{Truncated: true}, errNoReply
	}
	line, text, found := strings.Cut(string(raw), "\n")
	code, ok := parseCode(line)
	switch {
	case !found && readErr != nil:
		return Reply{Truncated: true}, readErr
	case !found || !ok:
		return Reply{}, errNoCode
	}
	reply := Reply{Code: code, Text: text}
	if int64(len(text)) > maxBytes {
		reply.Text, reply.Truncated = text[:maxBytes], true
		return reply, errTooLarge
	}
	reply.Truncated = readErr != nil
	return reply, readErr
}

// parseCode takes what printf("%d") writes and nothing else.
func parseCode(line string) (int, bool) {
	if len(line) >= maxCodeBytes {
		return 0, false
	}
	code, err := strconv.ParseInt(line, 10, 32)
	return int(code), err == nil && strconv.FormatInt(code, 10) == line
}

// lastLine returns the last line of text that is not blank, cut to a length
// that fits a reason: HotSpot prints the exception of a refused command last.
func lastLine(text string) string {
	const maxBytes = 200
	text = strings.TrimSpace(text)
	line := strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	if len(line) > maxBytes {
		line = line[:maxBytes]
	}
	return strings.ToValidUTF8(line, "?")
}
