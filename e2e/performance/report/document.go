package report

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Write replaces the text between the marks of a section of a document. It is an error if
// the document lacks the marks.
func Write(path, section, text string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	written, err := replace(string(document), section, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(written), 0o644)
}

func replace(document, section, text string) (string, error) {
	name := regexp.QuoteMeta(section)
	begin := regexp.MustCompile(`(?m)^<!-- `+name+`:.*-->\n`).FindAllStringIndex(document, -1)
	end := regexp.MustCompile(`(?m)^<!-- /`+name+` -->$`).FindAllStringIndex(document, -1)
	if len(begin) != 1 || len(end) != 1 || end[0][0] < begin[0][1] {
		return "", fmt.Errorf("section %s has %d begin marks and %d end marks, want one of each in this order", section, len(begin), len(end))
	}
	return document[:begin[0][1]] + "\n" + strings.TrimSpace(text) + "\n\n" + document[end[0][0]:], nil
}
