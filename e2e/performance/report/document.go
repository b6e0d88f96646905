package report

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Write puts text between the marks of a section of a document, in place of what is
// there. A document without these marks is an error.
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
		return "", fmt.Errorf("section %s has %d begins and %d ends, want one of each in this order", section, len(begin), len(end))
	}
	return document[:begin[0][1]] + "\n" + strings.TrimSpace(text) + "\n\n" + document[end[0][0]:], nil
}
