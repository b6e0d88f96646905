package dcmd

import (
	"math"
	"strconv"
	"strings"
)

// unitBytes returns what one of the unit is, and the text behind it. HotSpot
// writes "K", "Kb", "KB" and " KB" for 1024.
func unitBytes(text string) (bytes int64, rest string, ok bool) {
	text = strings.TrimLeft(text, " ")
	if rest, ok := strings.CutPrefix(text, "bytes"); ok {
		return 1, rest, true
	}
	if text == "" {
		return 0, "", false
	}
	switch text[0] {
	case 'B':
		return 1, text[1:], true
	case 'K':
		bytes = 1 << 10
	case 'M':
		bytes = 1 << 20
	case 'G':
		bytes = 1 << 30
	case 'T':
		bytes = 1 << 40
	default:
		return 0, "", false
	}
	rest = text[1:]
	if rest != "" && (rest[0] == 'b' || rest[0] == 'B') {
		rest = rest[1:]
	}
	return bytes, rest, true
}

// parseAmount parses "262144K", "120036Kb", "3.81 MB" or "40 bytes" at the start
// of text. HotSpot writes no sign, exponent or group separator.
func parseAmount(text string) (bytes int64, rest string, ok bool) {
	text = strings.TrimLeft(text, " ")
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.') {
		end++
	}
	unit, rest, ok := unitBytes(text[end:])
	if !ok {
		return 0, "", false
	}
	if n, err := strconv.ParseInt(text[:end], 10, 64); err == nil {
		if n > math.MaxInt64/unit {
			return 0, "", false
		}
		return n * unit, rest, true
	}
	f, err := strconv.ParseFloat(text[:end], 64)
	if err != nil || f*float64(unit) >= math.MaxInt64 {
		return 0, "", false
	}
	return int64(math.Round(f * float64(unit))), rest, true
}

// amountAfter reads the amount after the first key in line.
func amountAfter(line, key string) (bytes int64, ok bool) {
	_, value, ok := strings.Cut(line, key)
	if !ok {
		return 0, false
	}
	bytes, _, ok = parseAmount(value)
	return bytes, ok
}

// addresses parses "[0x1000, 0x2000, 0x3000)" (with "," or "-" between, and "]"
// at the end in some places) after the first "[0x" in line: two to four
// addresses that do not fall, nil if there is no such list.
func addresses(line string) []uint64 {
	_, list, ok := strings.Cut(line, "[0x")
	if !ok {
		return nil
	}
	end := strings.IndexAny(list, ")]")
	if end < 0 {
		return nil
	}
	var out []uint64
	for _, part := range strings.FieldsFunc("0x"+list[:end], func(r rune) bool { return r == ',' || r == ' ' || r == '-' }) {
		hex, ok := strings.CutPrefix(part, "0x")
		a, err := strconv.ParseUint(hex, 16, 64)
		if !ok || err != nil || len(out) > 0 && a < out[len(out)-1] {
			return nil
		}
		out = append(out, a)
	}
	if len(out) < 2 || len(out) > 4 {
		return nil
	}
	return out
}

// addressAfter reads the address after the first key in line.
func addressAfter(line, key string) (uint64, bool) {
	_, value, ok := strings.Cut(line, key+"0x")
	if !ok {
		return 0, false
	}
	end := 0
	for end < len(value) && strings.IndexByte("0123456789abcdef", value[end]) >= 0 {
		end++
	}
	a, err := strconv.ParseUint(value[:end], 16, 64)
	return a, err == nil
}

// saturatingAdd adds two numbers that are not negative.
func saturatingAdd(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}
