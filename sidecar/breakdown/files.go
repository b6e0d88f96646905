package breakdown

import (
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/sidecar/rows"
)

// filePages divides the cgroup's page cache and shared memory. Nil is unknown.
type filePages struct {
	mapped    *int64 // page cache that is mapped from data files
	libraries *int64 // page cache that is mapped from libraries
	cache     *int64 // the rest of the page cache
	shmem     *int64 // shared memory that is not heap
	heapFile  int64  // ZGC's heap
}

// attributePages divides what is charged to the cgroup. The pages that its processes
// have mapped are an upper bound only: a page is charged to the container that touched it
// first.
func attributePages(f *Facts) filePages {
	var p filePages
	if f.Memory == nil || f.Memory.FileBytes == nil || f.Memory.ShmemBytes == nil {
		return p
	}
	shmem := *f.Memory.ShmemBytes
	cache := max(0, *f.Memory.FileBytes-shmem)

	// Up to JDK 23 ZGC maps its heap three times. A page is present in one to three of
	// these views.
	const views = 3
	var heapMappedLeast, heapMappedMost int64
	for i := range f.JVMs {
		if file := f.JVMs[i].HeapFileBytes; file != nil {
			p.heapFile += *file
			heapMappedLeast += min(*file, f.JVMs[i].Resident[ranges.Heap].ShmemBytes/views)
			heapMappedMost += min(*file, f.JVMs[i].Resident[ranges.Heap].ShmemBytes)
		}
	}
	p.heapFile = min(p.heapFile, shmem)
	p.shmem = new(shmem - p.heapFile)

	if f.Memory.FileMappedBytes == nil || !f.mapped() {
		return p
	}
	var data, libraries, sharedMapped int64
	for i := range f.JVMs {
		for kind, r := range f.JVMs[i].Resident {
			switch kind {
			case ranges.MappedFile:
				data += r.FileBytes
			case ranges.SharedMem:
				sharedMapped += r.ShmemBytes
				libraries += r.FileBytes
			default:
				libraries += r.FileBytes
			}
		}
	}
	others, _ := f.others()
	libraries += others.FileBytes
	sharedMapped += others.ShmemBytes

	// file_mapped includes mapped shared memory. Data files come first: this container
	// most likely touched them first, while the libraries of an image are often charged
	// to a container that started earlier.
	mapped := func(heapMapped int64) int64 {
		return min(max(0, *f.Memory.FileMappedBytes-min(shmem, sharedMapped+heapMapped)), cache)
	}
	data = min(data, mapped(heapMappedLeast))
	libraries = min(libraries, max(0, mapped(heapMappedMost)-data))
	p.mapped, p.libraries, p.cache = &data, &libraries, new(cache-data-libraries)
	return p
}

// fileRow is a row of mapped files: the private pages in ranges of these kinds, and the
// mapped page cache; nil: unknown.
func fileRow(f *Facts, name rows.Name, shared *int64, kinds ...ranges.Kind) Row {
	row := Row{Name: name}
	if shared != nil {
		private := f.anon(kinds...)
		row.Bytes, row.Source = new(private+*shared), "smaps"
		row.Detail = []Detail{{Name: rows.Private, Bytes: &private}, {Name: rows.Shared, Bytes: shared}}
	}
	return row
}
