package malloc

import (
	"slices"

	"github.com/jvmem/jvmem/jvm/pages"
	"github.com/jvmem/jvmem/jvm/proc"
	"github.com/jvmem/jvmem/jvm/ranges"
)

// Cache is the result of one Search. It is searched again only where memory was mapped or
// touched since.
type Cache struct {
	search Search
	spans  []ranges.Range
	bytes  []int64
	found  []ranges.Range
	err    error
}

// NewCache returns a Cache of that search.
func NewCache(search Search) Cache { return Cache{search: search} }

// Find returns what the search finds in spans of a process with these mappings. bytes is the
// resident size of the mapping of each span. mem is a /proc/<pid>/mem. renew searches in any
// case.
func (c *Cache) Find(mem string, resident Pages, mappings []pages.Mapping, spans []ranges.Range, bytes []int64, renew bool) ([]ranges.Range, error) {
	if !renew && slices.Equal(spans, c.spans) && slices.Equal(bytes, c.bytes) {
		return c.found, c.err
	}
	file, err := proc.Open(mem)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c.spans, c.bytes = spans, bytes
	c.found, c.err = c.search(file, resident, NewAreas(mappings, nil), spans)
	return c.found, c.err
}
