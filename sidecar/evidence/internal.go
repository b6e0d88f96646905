package evidence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/evidence"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/sidecar/breakdown"
)

// compiler is the subject of a verdict on what the compilers allocate: its category of NMT.
const compiler = "compiler"

// internal queries where in HotSpot memory is allocated, and of the compilers which methods take
// it. Neither is known unless the JVM was started with an option for it: then the answer is which.
func internal(subject string) query {
	return func(ctx context.Context, p *jvm.Process, before reading) (r reading, err error) {
		if r.sites, err = evidence.CallSites(ctx, p); err != nil && !errors.Is(err, evidence.ErrNoCallSites) {
			return reading{}, err
		}
		r.lines = siteLines(r.sites, before)
		if err != nil {
			r.lines = append(r.lines, unknown(err))
		}
		if !strings.EqualFold(subject, compiler) {
			return r, nil
		}
		compilations, err := evidence.Compilations(ctx, p)
		switch {
		case errors.Is(err, evidence.ErrNoCompilations):
			r.lines = append(r.lines, unknown(err))
		case err != nil:
			return reading{}, err
		}
		r.lines = append(r.lines, compilationLines(compilations)...)
		return r, nil
	}
}

// unknown describes why something is not known, and what would change that.
func unknown(err error) string {
	var refused *attach.Error
	if errors.As(err, &refused) && refused.Fix != "" {
		return refused.Reason + "; " + refused.Fix
	}
	return err.Error()
}

// siteLines describes the call sites that gained most; without an earlier reading those that have
// most.
func siteLines(now []nmt.CallSite, before reading) []string {
	gained := changes(now, before.sites, func(s nmt.CallSite) string { return s.Key() }, func(s nmt.CallSite, was *nmt.CallSite) nmt.CallSite {
		if was != nil {
			s.Bytes -= was.Bytes
			s.Blocks -= was.Blocks
		}
		return s
	}, func(s nmt.CallSite) int64 { return s.Bytes })
	var lines []string
	for _, c := range gained {
		has := breakdown.Size(&c.now.Bytes)
		if c.now.Blocks > 0 {
			has += fmt.Sprintf(", %d × malloc", c.now.Blocks)
		}
		if before.sites != nil {
			if c.gained.Bytes <= 0 {
				break
			}
			has = fmt.Sprintf("%s in %s, now %s", breakdown.SignedSize(c.gained.Bytes), since(before), has)
		}
		lines = append(lines, fmt.Sprintf("NMT %s: %s, allocated by %s", c.now.Category, has, strings.Join(c.now.Calls, " ← ")))
	}
	if before.sites != nil && len(lines) == 0 {
		lines = append(lines, "no call site of HotSpot has more memory than "+since(before)+" before")
	}
	return lines
}

func compilationLines(all []dcmd.Compilation) []string {
	var lines []string
	for _, c := range all {
		line := fmt.Sprintf("%s took %s to compile %s", c.Compiler, breakdown.Size(&c.PeakBytes), c.Method)
		if c.Result != "ok" {
			line += " (" + c.Result + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// CompareInternal describes what HotSpot allocated where in a time, in which nothing is asked of
// the JVM.
func CompareInternal(ctx context.Context, p *jvm.Process, d time.Duration) ([]string, error) {
	query := internal(compiler)
	before, err := query(ctx, p, reading{})
	if err != nil || before.sites == nil {
		return before.lines, err
	}
	before.at = time.Now()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(d):
	}
	now, err := query(ctx, p, before)
	return now.lines, err
}
