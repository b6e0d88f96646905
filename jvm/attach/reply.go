package attach

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Reply is the JVM's reply.
type Reply struct {
	// Code is the first line of the reply: 0, or not 0 if a command was rejected. Some
	// are rejected with 0: only the text shows it.
	Code int
	// Text is the rest. The outputs of several commands follow each other without a
	// separator; after a rejected one there is nothing.
	Text string
	// Truncated: the end is missing.
	Truncated bool
}

// usualBytes exceeds the size of the replies to the commands of every sample.
const usualBytes = 16 << 10

// maxKeptBytes bounds the buffer that a Client keeps: twice the size that it grows to for
// the usual replies.
const maxKeptBytes = 4 * usualBytes

// maxCodeBytes bounds the first line: a sign, ten digits and the line end.
const maxCodeBytes = 12

var (
	errNoReply  = errors.New("closed without an answer")
	errNoCode   = errors.New("the first line is not a number")
	errTooLarge = errors.New("too large")
)

// readReply reads up to the end of r. A text longer than maxBytes is truncated, with
// errTooLarge; a failed read returns what came before it, marked truncated, with that
// error.
// The buffer is the caller's, to be used again.
func readReply(r io.Reader, maxBytes int64, buffer *bytes.Buffer) (Reply, error) {
	buffer.Reset()
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

// maxMappingsBytes bounds the mappings in a reply: some 2.5 million.
const maxMappingsBytes = 256 << 20

// withoutMappings is a reply to VM.info without the lines of the JVM's own /proc/self/maps
// ("Dynamic libraries"): a JVM may have tens of thousands of mappings, and nobody reads them
// there.
type withoutMappings struct {
	lines  *bufio.Reader
	rest   []byte // of the current line
	middle bool   // the next part continues a line
	left   int64  // bytes of mappings
}

func newWithoutMappings(r io.Reader) *withoutMappings {
	return &withoutMappings{lines: bufio.NewReaderSize(r, usualBytes), left: maxMappingsBytes}
}

// Read implements io.Reader.
func (w *withoutMappings) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		line, err := w.lines.ReadSlice('\n')
		if w.middle || !isMapping(line) {
			w.rest = line
		} else if w.left -= int64(len(line)); w.left < 0 {
			return 0, errTooLarge
		}
		w.middle = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !w.middle && len(w.rest) == 0 { // else it comes again
			return 0, err
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// isMapping recognizes "7f1c2c000000-7f1c2c021000 rw-p 00000000 00:00 0".
func isMapping(line []byte) bool {
	start, rest, _ := bytes.Cut(line, []byte{'-'})
	end, rest, _ := bytes.Cut(rest, []byte{' '})
	return isAddress(start) && isAddress(end) && len(rest) > 4 && rest[4] == ' ' && bytes.IndexByte([]byte("ps"), rest[3]) >= 0
}

func isAddress(b []byte) bool {
	return len(b) >= 8 && len(b) <= 16 && len(bytes.Trim(b, "0123456789abcdef")) == 0
}

// parseCode accepts what printf("%d") writes and nothing else.
func parseCode(line string) (int, bool) {
	if len(line) >= maxCodeBytes {
		return 0, false
	}
	code, err := strconv.ParseInt(line, 10, 32)
	return int(code), err == nil && strconv.FormatInt(code, 10) == line
}

// lastLine returns the last line of text that is not blank, cut to a length that fits a
// reason: HotSpot prints the exception of a rejected command last.
func lastLine(text string) string {
	const maxBytes = 200
	text = strings.TrimSpace(text)
	line := strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	if len(line) > maxBytes {
		line = line[:maxBytes]
	}
	return strings.ToValidUTF8(line, "?")
}
