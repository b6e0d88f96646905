package breakdown

import "github.com/jvmem/jvmem/jvm/ranges"

// filePages is the cgroup's page cache and shared memory, divided. nil is unknown.
type filePages struct {
	mapped    *int64 // page cache that is mapped from data files
	libraries *int64 // page cache that is mapped from libraries
	cache     *int64 // the rest of the page cache
	shmem     *int64 // shared memory that is no heap
	heapFile  int64  // ZGC's heap
}

// attributePages divides what the cgroup pays for. What a process has mapped
// only bounds it: whoever touched a page first pays, perhaps another container.
func attributePages(f *Facts) filePages {
	var p filePages
	if f.Memory == nil || f.Memory.FileBytes == nil || f.Memory.ShmemBytes == nil {
		return p
	}
	shmem := *f.Memory.ShmemBytes
	cache := max(0, *f.Memory.FileBytes-shmem)

	// Up to JDK 23 ZGC maps its heap three times, and a page may be present in
	// one to three of the views.
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

	// file_mapped counts mapped shared memory too. Data files come first: this
	// container most likely wrote or read them, while libraries of an image are
	// often paid for by a container that started earlier.
	mapped := func(heapMapped int64) int64 {
		return min(max(0, *f.Memory.FileMappedBytes-min(shmem, sharedMapped+heapMapped)), cache)
	}
	data = min(data, mapped(heapMappedLeast))
	libraries = min(libraries, max(0, mapped(heapMappedMost)-data))
	p.mapped, p.libraries, p.cache = &data, &libraries, new(cache-data-libraries)
	return p
}

// fileRow is a row of mapped files: the private pages of these kinds, and the
// page cache that is mapped, nil if not known.
func fileRow(f *Facts, name RowName, shared *int64, kinds ...ranges.Kind) Row {
	row := Row{Name: name}
	if shared != nil {
		private := f.anon(kinds...)
		row.Bytes, row.Source = new(private+*shared), "smaps"
		row.Detail = []Detail{{Name: "private", Bytes: &private}, {Name: "shared", Bytes: shared}}
	}
	return row
}
