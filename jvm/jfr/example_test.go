package jfr_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jvmem/jvmem/jvm/jfr"
)

// Who started the first thread that a recording shows?
func ExampleReader() {
	recording, err := open("testdata/jdk21/threads.jfr.gz")
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := jfr.NewReader(recording, recording.Size(), []string{"jdk.ThreadStart"}, jfr.Budget{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		name, _ := e.Field("thread", "javaName").Text()
		frames, _ := e.Field("stackTrace").Frames(nil)
		for _, f := range frames {
			if f.Class != "java.lang.Thread" {
				fmt.Printf("%s was started by %s.%s, line %d\n", name, f.Class, f.Method, f.Line)
				return
			}
		}
	}
	// Output: session-90 was started by com.acme.shop.ThreadServices.lambda$session$1, line 29
}

func open(path string) (*bytes.Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(unpacked)
	return bytes.NewReader(b), err
}
