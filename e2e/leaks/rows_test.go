package leaks

import (
	"time"

	"github.com/jvmem/jvmem/e2e/sidecar"
)

// rows are the sizes of all rows and of the details of native at one time.
type rows struct {
	time  time.Time
	bytes map[string]int64
}

// rowsOf returns nil unless there is one container.
func rowsOf(b *sidecar.Breakdown) *rows {
	if len(b.Containers) != 1 {
		return nil
	}
	r := &rows{b.Time, map[string]int64{}}
	for _, one := range b.Containers[0].Memory {
		if one.Bytes != nil {
			r.bytes[one.Name] = *one.Bytes
		}
		for _, d := range one.Detail {
			if one.Name == "native" && d.Bytes != nil {
				r.bytes[one.Name+"."+d.Name] = *d.Bytes
			}
		}
	}
	return r
}
