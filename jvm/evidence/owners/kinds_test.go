package owners

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/jvmem/jvmem/jvm/malloc"
)

func head(words ...uint64) []byte {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// TestTelling: which pointer of a block says most.
func TestTelling(t *testing.T) {
	p := fakeProcess(fakeMemory{})
	tests := map[string]struct {
		head   []byte
		target uint64
		offset int16
	}{
		"numbers":                    {head(1, 2, 0xffffffffffffffff), 0, 0},
		"a function":                 {head(7, codeAt), codeAt, 8},
		"the first of two":           {head(variableAt, codeAt), variableAt, 0},
		"a table before all":         {head(tableAt+16, codeAt), tableAt + 16, 0},
		"a function, not text":       {head(textAt, 0, codeAt), codeAt, 16},
		"text":                       {head(0, textAt), textAt, 8},
		"nothing of libc":            {head(libcAt, libcAt+16), 0, 0},
		"HotSpot's virtual table":    {head(vmTableAt), vmTableAt, 0},
		"the table of JNI functions": {head(0, vmTableAt, codeAt), codeAt, 16},
		"JNI functions alone":        {head(0, vmTableAt), 0, 0},
		"a word that is cut":         {head(codeAt)[:7], 0, 0},
	}
	for name, test := range tests {
		if target, offset := p.telling(test.head); target != test.target || offset != test.offset {
			t.Errorf("%s: %#x at %d, want %#x at %d", name, target, offset, test.target, test.offset)
		}
	}
}

// TestSnapshotIsBounded: many kinds take as much as few, and no block is missing.
func TestSnapshotIsBounded(t *testing.T) {
	p := fakeProcess(fakeMemory{})
	c := newCounter()
	const blocks = maxCounted + 1000
	for i := range uint64(blocks) {
		b := malloc.Block{Bytes: 32 + 16*i, ResidentBytes: int64(32 + 16*i), Head: head(codeAt + i%64)}
		c.add(p.classify(&b), &b)
	}
	if len(c.kinds) > maxCounted+1 {
		t.Errorf("%d kinds are counted", len(c.kinds))
	}
	s := p.snapshot()
	c.into(s, &p.libraries)
	sum := s.Rest
	for _, k := range s.Kinds {
		sum.add(k.Amount)
		if k.Library != "libown.so.1.2" || k.Address != codeAt-0x7f0000000000+k.Address%64 || k.ResidentBytes < s.LargestRestBytes {
			t.Fatalf("%+v", k)
		}
	}
	if len(s.Kinds) != maxKinds || sum.Blocks != blocks || sum != c.all {
		t.Errorf("%d kinds with %+v, want %+v", len(s.Kinds), sum, c.all)
	}
	var b bytes.Buffer
	if err := s.WriteJSON(&b); err != nil || b.Len() > 64<<10 || bytes.Contains(b.Bytes(), []byte("139637976731648")) {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
	again, err := ReadSnapshot(&b)
	if err != nil || len(again.Kinds) != maxKinds || again.Kinds[0] != s.Kinds[0] {
		t.Errorf("%+v, %v", again, err)
	}
	if list, sum := growthOf(again, s, &p.libraries); len(list) != 0 || sum.Blocks != 0 {
		t.Errorf("grew by %+v", sum)
	}
}

func FuzzReadSnapshot(f *testing.F) {
	f.Add([]byte(`{"schema":"jvmem.owners-baseline/v1","kinds":[{"block_bytes":32,"library":"libown.so.1.2","address":4096,"blocks":-1}],"rest":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ReadSnapshot(bytes.NewReader(text))
		if err != nil {
			return
		}
		p := fakeProcess(fakeMemory{})
		list, _ := growthOf(s, &Snapshot{Rest: Amount{1, 32, 32}, Kinds: []Kind{{BlockBytes: 32, Amount: Amount{1, 32, 32}}}}, &p.libraries)
		if len(list) > maxKinds+1 {
			t.Errorf("%d kinds", len(list))
		}
	})
}
