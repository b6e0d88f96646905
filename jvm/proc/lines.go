package proc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

var errTooLong = errors.New("it is longer than any text that a kernel writes")

// bounded returns errTooLong after more than left bytes.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// scanLines scans complete lines, each of at most maxLine bytes. A truncated line is an
// error, and so is a text of more than maxBytes.
func scanLines(r io.Reader, maxBytes int64, maxLine int) *bufio.Scanner {
	scan := bufio.NewScanner(&bounded{r, maxBytes})
	scan.Buffer(nil, maxLine)
	scan.Split(func(text []byte, atEOF bool) (int, []byte, error) {
		if end := bytes.IndexByte(text, '\n'); end >= 0 {
			return end + 1, text[:end], nil
		}
		if atEOF && len(text) > 0 {
			return 0, nil, fmt.Errorf("line %.40q is truncated", text)
		}
		return 0, nil, nil
	})
	return scan
}
