package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jvmem/jvmem/e2e/debian"
	"github.com/jvmem/jvmem/e2e/result"
)

// The command run creates these and passes their paths.
var (
	jdkDir     = flag.String("jdks", "", "folder of the JDKs, with manifest.json")
	baseDir    = flag.String("base", "", "root file system of JVM containers")
	appDir     = flag.String("app", "", "folder of the workload")
	binary     = flag.String("jvmem", "", "the binary under test")
	need       = flag.String("need", "", "script that installs missing programs (.ci/need)")
	engineList = flag.String("engines", "", "engines to run on, separated by commas")
	full       = flag.Bool("full", false, "run the whole matrix instead of a covering part")
	list       = flag.Bool("units", false, "print the names of the units and exit")
	only       = flag.String("only", "", "file with the names of the units to run")
	guest      = flag.Bool("guest", false, "this machine is a guest: tests may set its clock and disable controllers")
	interval   = flag.Duration("interval", 500*time.Millisecond, "interval of the sidecar")
	results    = flag.String("results", "", "file to append the results to, in JSON lines")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if *jdkDir == "" || *engineList == "" {
		return complain(errors.New("run `make e2e-containers`"))
	}
	jdks, err := debian.ReadManifest(*jdkDir + "/manifest.json")
	if err != nil {
		return complain(err)
	}
	names := strings.Split(*engineList, ",")
	units = makeUnits(names, jdks, *full)
	if *list {
		for _, u := range units {
			fmt.Println(u.name)
		}
		return 0
	}
	if *only != "" {
		text, err := os.ReadFile(*only)
		if err != nil {
			return complain(err)
		}
		chosen := strings.Split(strings.TrimSpace(string(text)), "\n")
		units = slices.DeleteFunc(units, func(u unit) bool { return !slices.Contains(chosen, u.name) })
		if len(units) != len(chosen) {
			return complain(fmt.Errorf("%d units of the %d in %s exist", len(units), len(chosen), *only))
		}
	}
	return withEngines(m, names)
}

// withEngines starts the engines that the tests need and runs the tests.
func withEngines(m *testing.M, names []string) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	for _, name := range names {
		if !slices.ContainsFunc(units, func(u unit) bool { return u.engine == name }) {
			continue
		}
		e, err := startEngine(ctx, name)
		if err != nil {
			return complain(fmt.Errorf("start %s: %w", name, err))
		}
		engines[name] = e
		defer func() {
			if err := e.Close(); err != nil {
				code = complain(fmt.Errorf("stop %s: %w", name, err))
			}
		}()
	}
	done := make(chan int)
	go func() { done <- m.Run() }()
	select {
	case code := <-done:
		return code
	case <-ctx.Done(): // the process ends the tests
		return 130
	}
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// Set by TestMain.
var (
	units   []unit
	engines = make(map[string]engine)
)

// unit is a test that is run, or known from an earlier run, as a whole.
type unit struct {
	name   string // begins with the name of the engine
	engine string
	cell   *result.Cell
	test   func(*testing.T, engine, *result.Result)
	// alone is true if it disturbs others: before an OOM kill, the kernel reclaims the
	// page cache of the JDK, which is then charged to others.
	alone bool
}

// makeUnits returns all units in a fixed order.
func makeUnits(engines []string, jdks []debian.JDK, full bool) []unit {
	var all []unit
	for i, name := range engines {
		for _, s := range scenarios(jdks, full) {
			if i > 0 && !full && s.name != "limit_of_the_pod" {
				continue
			}
			all = append(all, unit{name: name + "/" + s.name, engine: name, alone: s.alone, test: func(t *testing.T, e engine, r *result.Result) {
				r.Notes = s.test(t, e)
			}})
		}
		for _, c := range cells(name, jdks, full, i == 0) {
			all = append(all, unit{name: name + "/" + c.name(), engine: name, cell: c.describe(name), test: func(t *testing.T, e engine, r *result.Result) {
				r.Steps = checkCell(t, e, c)
			}})
		}
	}
	return all
}

// TestUnits runs the selected units.
func TestUnits(t *testing.T) {
	if len(units) == 0 {
		t.Fatal("no unit is selected")
	}
	var lock sync.Mutex
	for _, u := range units {
		t.Run(u.name, func(t *testing.T) {
			if !u.alone { // units that are alone run first, one by one
				t.Parallel()
			}
			r := result.Result{Unit: u.name, Cell: u.cell}
			start := time.Now()
			t.Cleanup(func() { // registered first, so it runs last
				r.Passed, r.Seconds = !t.Failed(), time.Since(start).Seconds()
				lock.Lock()
				defer lock.Unlock()
				if err := r.Append(*results); err != nil {
					t.Error(err)
				}
			})
			u.test(t, engines[u.engine], &r)
		})
	}
}
