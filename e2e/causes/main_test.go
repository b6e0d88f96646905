package causes

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
)

var (
	binary   = flag.String("jvmem", "", "the binary under test")
	need     = flag.String("need", "", "the script that installs Debian packages (.ci/need)")
	earlier  = flag.String("results", "", "file with the results of earlier runs, which is written anew")
	markdown = flag.String("markdown", "", "file to write the tables to")
)

// shop is the application, built once.
var shop *app

// results of the cases that ran, in the order of their end.
var results resultList

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "causes:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if *binary == "" || *need == "" {
		return 1, errors.New("run `make bench-causes`")
	}
	shop, err = build(context.Background())
	if shop != nil {
		defer os.RemoveAll(shop.dir)
	}
	if err != nil {
		return 1, err
	}
	if err := results.read(); err != nil {
		return 1, err
	}
	code = m.Run()
	return code, results.write() // also if no case ran: their words may have changed
}
