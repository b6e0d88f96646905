package evidence

import (
	"context"
	"errors"
	"strings"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/nmt"
)

// Reasons to refuse evidence of HotSpot's own memory.
const (
	ErrNoCallSites    attach.Kind = "no call sites"
	ErrNoCompilations attach.Kind = "no memory of compilations"
)

// topCompilations is how many are reported.
const topCompilations = 5

// CallSites returns where in HotSpot the memory was allocated that NMT counts. It needs NMT at
// detail (ErrNoCallSites), and no baseline, which would replace that of a user.
func CallSites(ctx context.Context, p *jvm.Process) ([]nmt.CallSite, error) {
	text, _, err := send(ctx, p, attach.NativeMemoryDetail)
	if err != nil {
		return nil, err
	}
	sites := nmt.ParseCallSites(text)
	if len(sites) == 0 {
		return nil, p.Refuse(ErrNoCallSites, "no call sites of HotSpot's memory: Native Memory Tracking is not at detail", "start the JVM with -XX:NativeMemoryTracking=detail")
	}
	for i := range sites {
		sites[i].Category = strings.Clone(jvm.Printable(sites[i].Category, maxNameBytes)) // the reply is not kept
		for j, call := range sites[i].Calls {
			sites[i].Calls[j] = strings.Clone(jvm.Printable(call, maxFrameBytes))
		}
	}
	return sites, nil
}

// Compilations returns the compilations that used most memory. Only a JVM of JDK 22 or newer that
// was started with -XX:CompileCommand=MemStat,*.* knows them (ErrNoCompilations).
func Compilations(ctx context.Context, p *jvm.Process) ([]dcmd.Compilation, error) {
	const fix = "start a JVM of JDK 22 or newer with -XX:CompileCommand=MemStat,*.*"
	text, _, err := send(ctx, p, attach.CompilerMemory)
	if errors.Is(err, attach.ErrCommand) {
		return nil, p.Refuse(ErrNoCompilations, "this JVM has no Compiler.memory", fix)
	}
	if err != nil {
		return nil, err
	}
	all, err := dcmd.ParseCompilations(text, topCompilations)
	switch {
	case errors.Is(err, dcmd.ErrNotCollected):
		return nil, p.Refuse(ErrNoCompilations, "this JVM does not collect how much memory each compilation takes", fix)
	case err != nil:
		return nil, notParsed(p, attach.CompilerMemory, err)
	}
	for i := range all {
		all[i].Compiler = strings.Clone(jvm.Printable(all[i].Compiler, maxNameBytes)) // the reply is not kept
		all[i].Method = strings.Clone(jvm.Printable(all[i].Method, maxFrameBytes))
		all[i].Result = strings.Clone(jvm.Printable(all[i].Result, maxNameBytes))
	}
	return all, nil
}
