package malloc

import (
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
)

var recordJVM = flag.String("record-jvm", "", "the PID of a JVM with NMT, and its feature version: TestJVMRecordings records it")

// TestJVMRecordings divides the blocks of JVMs by their headers.
func TestJVMRecordings(t *testing.T) {
	if *recordJVM != "" {
		var pid, feature int
		if _, err := fmt.Sscan(*recordJVM, &pid, &feature); err != nil {
			t.Fatal(err)
		}
		writeJVM(t, *recordTo, pid, feature)
	}
	files, err := filepath.Glob("testdata/jdk*.gz")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r := loadRecording(t, filepath.Base(file))
			var feature int
			if _, err := fmt.Sscanf(r.lines[0], "jdk %d", &feature); err != nil {
				t.Fatal(err)
			}
			got, reported := splitLines(t, r, feature), 0
			if !slices.Equal(got, r.lines[:min(len(got), len(r.lines))]) {
				t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(r.lines, "\n"))
			}
			for _, line := range r.lines[len(got):] {
				var number int
				var blocks, nmt int64
				if _, err := fmt.Sscanf(line, "bytes %d %d %d", &number, &blocks, &nmt); err != nil {
					t.Fatal(err)
				}
				if slack := max(nmt/100, 4<<10); blocks < nmt-slack || blocks > nmt+slack {
					t.Errorf("category %d: %d bytes in blocks, %d by NMT", number, blocks, nmt)
				}
				reported++
			}
			if reported < 8 {
				t.Errorf("NMT reported %d categories", reported)
			}
			if len(r.looked) > 0 {
				t.Errorf("read although not resident: %x", r.looked)
			}
		})
	}
}

// splitLines says what the blocks are.
func splitLines(t *testing.T, r *recording, feature int) []string {
	t.Helper()
	var s Split
	totals, err := Walk(r, r, r.areas, ample, s.Add)
	if err != nil || totals.LostBytes > 0 {
		t.Fatalf("%+v, %v", totals, err)
	}
	result := s.Result(JVM{Feature: feature, NMT: "summary"})
	lines := []string{fmt.Sprintf("jdk %d", feature), fmt.Sprintf("blocks %d", totals.Blocks), fmt.Sprintf("headers %d", result.Headers)}
	for i, c := range result.Categories {
		if c.Blocks > 0 {
			lines = append(lines, fmt.Sprintf("category %d %d blocks %d bytes", i, c.Blocks, c.Bytes))
		}
	}
	return append(lines, fmt.Sprintf("untracked %d blocks", result.UntrackedBlocks))
}

// writeJVM records a JVM, which is stopped meanwhile: of its blocks only the headers. NMT's own
// sizes are those right before it.
func writeJVM(t *testing.T, to string, pid, feature int) {
	t.Helper()
	client := attach.New(attach.Target{PID: pid, MajorVersion: feature}, attach.Options{})
	defer client.Close()
	var report *nmt.Report
	for range 3 { // the first ones allocate
		reply, err := client.Do(context.Background(), attach.NativeMemorySummary)
		if err == nil {
			report, err = nmt.Parse(reply.Text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	names := categories(t, pid)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	l := openLive(t, pid)
	r := &recording{process: newProcess(), areas: l.areas}
	for _, area := range r.all() {
		l.pagemap.Pages(area.Start, area.End, func(addr uint64) {
			if area.Kind == ranges.MallocChunk && addr > area.Start+pageSize {
				return
			}
			r.put(addr)
			if _, err := l.mem.ReadAt(r.pages[addr][:], int64(addr)); err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, b := range r.blocks(t) {
		start, end := b.Addr, b.Addr-chunkHeader+b.Bytes
		if b.State == InUse || b.State == Cached {
			start, end = start+trackingHeader, end+8
		}
		if tcacheEntries[b.Bytes] != 0 { // the lists of a thread
			continue
		}
		for ; start < end; start++ {
			if page := r.pages[start&^(pageSize-1)]; page != nil {
				page[start%pageSize] = 0
			}
		}
	}
	file, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, _ := gzip.NewWriterLevel(file, gzip.BestCompression)
	kinds := map[ranges.Kind]string{ranges.MallocArena: "arena", ranges.MallocChunk: "chunk"}
	fmt.Fprintf(zip, "brk %x %x\n", r.areas.Brk.Start, r.areas.Brk.End)
	for _, library := range r.areas.Library {
		fmt.Fprintf(zip, "library %x %x\n", library.Start, library.End)
	}
	for _, found := range r.areas.Found {
		fmt.Fprintf(zip, "%s %x %x\n", kinds[found.Kind], found.Start, found.End)
	}
	for _, addr := range r.addresses() {
		fmt.Fprintf(zip, "page %x %x\n", addr, *r.pages[addr])
	}
	for _, line := range splitLines(t, r, feature) {
		fmt.Fprintln(zip, line)
	}
	var s Split
	if _, err := Walk(r, r, r.areas, ample, s.Add); err != nil {
		t.Fatal(err)
	}
	for i, c := range s.Result(JVM{Feature: feature, NMT: "summary"}).Categories {
		if i >= len(names) || c.Bytes == 0 {
			continue
		}
		reported := malloced(report, names[i])
		if names[i] == "Internal" && feature >= 21 {
			reported -= mib // the buffer of NMT's reply
		}
		fmt.Fprintf(zip, "bytes %d %d %d %s\n", i, c.Bytes, reported, names[i])
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
}
