package nmt

import (
	"math"
	"strconv"
	"strings"
)

// amount is a number with the unit printed after it.
type amount struct {
	bytes int64
	scale int64
}

// parseAmount parses the number at the start of text: "123", "123KB", "1MB". HotSpot
// prints no unit at scale B.
func parseAmount(text string) (amount, bool) {
	n, rest, ok := digits(text)
	if !ok {
		return amount{}, false
	}
	scale := int64(1)
	switch {
	case strings.HasPrefix(rest, "KB"):
		scale = 1 << 10
	case strings.HasPrefix(rest, "MB"):
		scale = 1 << 20
	case strings.HasPrefix(rest, "GB"):
		scale = 1 << 30
	}
	if n > math.MaxInt64/scale {
		return amount{}, false
	}
	return amount{bytes: n * scale, scale: scale}, true
}

// valueOf parses the amount after the first key in line.
func valueOf(line, key string) (amount, bool) {
	_, value, ok := strings.Cut(line, key)
	if !ok {
		return amount{}, false
	}
	return parseAmount(value)
}

// reservedCommitted parses "reserved=1KB, committed=1KB" anywhere in line.
func reservedCommitted(line string) (reserved, committed amount, ok bool) {
	reserved, ok = valueOf(line, "reserved=")
	if !ok {
		return amount{}, amount{}, false
	}
	committed, ok = valueOf(line, "committed=")
	return reserved, committed, ok
}

// countOf parses the number after the first mark in line; nil without one.
func countOf(line, mark string) *int64 {
	_, value, ok := strings.Cut(line, mark)
	if !ok {
		return nil
	}
	n, _, ok := digits(value)
	if !ok {
		return nil
	}
	return &n
}

func digits(text string) (n int64, rest string, ok bool) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	return n, text[end:], err == nil
}

func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// saturatingAdd adds numbers that are not negative.
func saturatingAdd(sum int64, values ...int64) int64 {
	for _, v := range values {
		if v > math.MaxInt64-sum {
			return math.MaxInt64
		}
		sum += v
	}
	return sum
}
