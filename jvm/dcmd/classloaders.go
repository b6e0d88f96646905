package dcmd

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ClassLoaderStats is one reply to VM.classloader_stats.
type ClassLoaderStats struct {
	// Types are the classes of the loaders, the one with the most metaspace first.
	Types []LoaderType
	// Total is over all loaders, as the JVM reports it, except for the hidden classes;
	// nil if the end of the reply is missing. Types then has those before it.
	Total *LoaderType
}

// LoaderType is all class loaders of one type.
type LoaderType struct {
	Name    string `json:"name,omitempty"` // "" for the total
	Loaders int64  `json:"loaders"`
	// Classes are those that the loaders defined, HiddenClasses some of them:
	// lambdas and the like (before JDK 15 "unsafe anonymous" ones).
	Classes       int64 `json:"classes"`
	HiddenClasses int64 `json:"hidden_classes"`
	// ChunkBytes is the metaspace that the loaders hold, BlockBytes what is allocated
	// from it, both with hidden classes.
	ChunkBytes int64 `json:"chunk_bytes"`
	BlockBytes int64 `json:"block_bytes"`
}

// ParseClassLoaderStats parses one reply to VM.classloader_stats.
func ParseClassLoaderStats(text string) (ClassLoaderStats, error) {
	byName := make(map[string]*LoaderType)
	var total *LoaderType
	var loader *LoaderType // of the last line, which one of hidden classes may follow
	words := false
	for line := range strings.Lines(text) {
		if line[len(line)-1] != '\n' { // truncated
			break
		}
		row, ok := parseLoader(line)
		words = words || row.ChunkBytes%minChunkBytes != 0 || row.BlockBytes%wordBytes != 0
		switch {
		case !ok:
			loader = nil
		case row.Name == "":
			total = &row
		case row.Loaders == 0:
			if loader != nil {
				loader.add(row)
			}
			loader = nil
		default:
			if loader = byName[row.Name]; loader == nil {
				loader = &LoaderType{Name: row.Name}
				byName[row.Name] = loader
			}
			loader.add(row)
		}
	}
	if len(byName) == 0 {
		return ClassLoaderStats{}, fmt.Errorf("parse VM.classloader_stats: no class loader: %.80q", text)
	}
	stats := ClassLoaderStats{Total: total}
	if words && total != nil {
		total.fromWords()
	}
	for _, t := range byName {
		if words {
			t.fromWords()
		}
		stats.Types = append(stats.Types, *t)
		if total != nil {
			total.HiddenClasses = saturatingAdd(total.HiddenClasses, t.HiddenClasses)
		}
	}
	slices.SortFunc(stats.Types, func(a, b LoaderType) int {
		return cmp.Or(cmp.Compare(b.ChunkBytes, a.ChunkBytes), strings.Compare(a.Name, b.Name))
	})
	return stats, nil
}

// JDK 16 to 20 print words where they say bytes (JDK-8302455). Which it is shows in
// the numbers: no chunk is smaller than 1 KiB, and blocks are of whole words.
const (
	minChunkBytes = 1 << 10
	wordBytes     = 8
)

func (t *LoaderType) fromWords() {
	t.ChunkBytes = min(t.ChunkBytes, math.MaxInt64/wordBytes) * wordBytes
	t.BlockBytes = min(t.BlockBytes, math.MaxInt64/wordBytes) * wordBytes
}

func (t *LoaderType) add(row LoaderType) {
	t.Loaders = saturatingAdd(t.Loaders, row.Loaders)
	t.Classes = saturatingAdd(t.Classes, row.Classes)
	t.HiddenClasses = saturatingAdd(t.HiddenClasses, row.HiddenClasses)
	t.ChunkBytes = saturatingAdd(t.ChunkBytes, row.ChunkBytes)
	t.BlockBytes = saturatingAdd(t.BlockBytes, row.BlockBytes)
}

// parseLoader reads one line: of a loader (three addresses, three numbers, its
// type), of the hidden classes of the one above (three numbers, "+ hidden
// classes"; no loader is counted), or the total (no name).
func parseLoader(line string) (row LoaderType, ok bool) {
	row.Loaders = 1
	numbers, isTotal := strings.CutPrefix(line, "Total = ")
	switch {
	case isTotal:
		if row.Loaders, numbers, ok = number(numbers); !ok {
			return LoaderType{}, false
		}
	case strings.HasPrefix(line, "0x"):
		numbers = line
		for range 3 {
			_, numbers, _ = strings.Cut(strings.TrimLeft(numbers, " "), " ")
		}
	default:
		numbers, row.Loaders = line, 0
	}
	for _, n := range []*int64{&row.Classes, &row.ChunkBytes, &row.BlockBytes} {
		if *n, numbers, ok = number(numbers); !ok {
			return LoaderType{}, false
		}
	}
	row.Name = strings.TrimSpace(numbers)
	if row.Loaders == 0 && !isTotal {
		row.HiddenClasses = row.Classes
		return row, strings.HasPrefix(row.Name, "+ ")
	}
	return row, (row.Name == "") == isTotal
}

// number reads a number that is not negative, and returns what follows it; 0 if
// there is none.
func number(text string) (n int64, rest string, ok bool) {
	text, rest, _ = strings.Cut(strings.TrimLeft(text, " "), " ")
	u, err := strconv.ParseUint(strings.TrimRight(text, "\r\n"), 10, 63)
	if err != nil {
		return 0, "", false
	}
	return int64(u), rest, true
}
