package jvm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/hsperf"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

// answers is what the JVM told of its address ranges. Reservations stay where
// they are: the answers are kept, also when the JVM can't be asked any more.
type answers struct {
	heap, code []ranges.Range
	// info is of VM.info: heap, class space, CDS, and the collector's tables.
	info []ranges.Range
	// nodes are those of metaspace. New ones come up, but VM.metaspace takes a
	// safepoint: it is only sent when memory without a name came up.
	nodes []ranges.Range
	// virtual is the map of NMT detail, which takes the JVM long to write.
	virtual []ranges.Range
	// current is true if the JVM answered the last time, so that nodes and
	// virtual could have been renewed.
	current bool
}

// readHsperf reads the counters that the JVM keeps in a shared file: no
// handshake and no pause. Those of heap and metaspace are of the last
// collection, so they are no word on what is used now.
func (p *Process) readHsperf(f *Facts) {
	data, err := p.readCounters()
	p.sameThreads, p.collections = false, nil
	if err != nil {
		fix := p.fix(err)
		if errors.Is(err, hsperf.ErrNoFile) {
			fix = "start the JVM without -XX:-UsePerfData and -XX:+PerfDisableSharedMem, with a writable /tmp and a name for its UID in /etc/passwd"
		}
		f.failed(SourceHsperf, err, fix)
		return
	}
	f.worked(SourceHsperf)
	p.disabled = isSet(data, disableAttach)
	if level, ok := data.Flag("NativeMemoryTracking"); ok {
		f.NMT = level
	}
	s := data.Summary()
	walked := p.counted.started
	p.sameThreads = walked != nil && s.ThreadsStarted != nil && *walked == *s.ThreadsStarted
	p.started, p.collections = s.ThreadsStarted, s.Collections()
	f.Version, f.Major, f.Collector = s.JavaVersion, major(s.JavaVersion), s.GC
	f.Classes = s.Classes()
	if old := s.OldGeneration(); old != nil && old.UsedBytes != nil {
		f.Old = &Old{UsedBytes: *old.UsedBytes, MaxBytes: old.MaxBytes, Collections: s.OldCollections()}
	}
}

// readCounters opens the file once: its descriptor outlives the file, and the JVM.
func (p *Process) readCounters() (*hsperf.Data, error) {
	if p.perf == nil {
		f, err := hsperf.Open(p.proc, p.status.PID)
		if err != nil {
			return nil, err
		}
		p.perf = f
	}
	return p.perf.Read()
}

func isSet(data *hsperf.Data, flag string) bool {
	value, _ := data.Flag(flag)
	return value == "true"
}

// major returns 8 for "1.8.0_412" and 17 for "17.0.15"; 0 if unknown.
func major(version string) int {
	version = strings.TrimPrefix(version, "1.")
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0
	}
	return n
}

// openStructs finds HotSpot's own tables in its memory, and reads its flags.
func (p *Process) openStructs(f *Facts) {
	if p.structs == nil && p.lib != nil {
		p.structs, p.structsErr = vmstructs.Open(vmstructs.Options{
			Proc: p.proc, PID: p.status.PID, Base: p.lib.Base,
			Flags: flagNames(), Metadata: true,
		})
	}
	if p.structs == nil {
		if p.structsErr == nil {
			p.structsErr = fmt.Errorf("the JVM's mappings may not be read: %w", os.ErrPermission)
		}
		return
	}
	p.readFlags(f)
	if f.Version == "" {
		if v, err := p.structs.Version(); err == nil {
			f.Version, f.Major = v.Release, v.Feature
		}
	}
}

// readStructs reads what HotSpot's own tables tell of its address ranges.
func (p *Process) readStructs(f *Facts) *vmstructs.Snapshot {
	if p.structs == nil {
		f.failed(SourceVMStructs, p.structsErr, p.fix(p.structsErr))
		return nil
	}
	snapshot, err := p.structs.Read(p.sameThreads && !p.renew())
	if err = errors.Join(append(snapshot.Errors, err)...); err != nil {
		f.failed(SourceVMStructs, err, "")
	} else {
		f.worked(SourceVMStructs)
	}
	return &snapshot
}

// attachClient returns the client for diagnostic commands, or an *attach.Error if
// the JVM can't answer any.
func (p *Process) attachClient() (*attach.Client, error) {
	if p.status.State == 'T' || p.status.State == 't' {
		return nil, p.refuse(attach.ErrStopped, "the JVM is stopped, by SIGSTOP or a debugger", "let it go on (kill -CONT, or end the debugger)")
	}
	target := attach.Target{
		PID: p.status.PID, NSPID: p.status.NSPID, Proc: p.proc, StartTime: p.status.StartTicks,
		AttachDisabled: p.disabled, MajorVersion: p.major,
	}
	if p.client == nil || target != p.target { // a starting JVM does not know its flags yet
		p.client, p.target = attach.New(target, attach.Options{}), target
	}
	return p.client, nil
}

func (p *Process) refuse(kind attach.Kind, reason, fix string) error {
	return &attach.Error{Op: "check", PID: p.status.PID, Kind: kind, Reason: reason, Fix: fix}
}

// readAttach sends the diagnostic commands. The first failure to connect ends
// it: the JVM is not made to wait for the others, nor are we.
func (p *Process) readAttach(ctx context.Context, f *Facts) {
	p.answers.current = false
	client, err := p.attachClient()
	if err != nil {
		f.failed(SourceAttach, err, "")
		return
	}
	a := asker{ctx: ctx, client: client}
	modern := f.Major == 0 || f.Major > 8 // JDK 8 has GC.heap_info and NMT only
	first := p.answers.info == nil
	if modern && first { // before NMT: the first VM.info makes the JVM allocate some MiB
		p.askInfo(&a, f)
	}
	told := p.askRoutine(&a, modern)
	if heap, err := dcmd.ParseHeapInfo(told.HeapInfo); told.HeapInfo != "" && a.parsed(err) {
		p.answers.heap = heap.Ranges
		f.Heap = &Usage{UsedBytes: &heap.UsedBytes, CommittedBytes: &heap.CommittedBytes}
	}
	p.readCodeCache(&a, f, told.CodeCache)
	p.readMetaspace(&a, f, told.Metaspace)
	p.readNMT(&a, f, told.NMT)
	if modern {
		if !first && p.info.due(f.Report, p.collections) {
			p.askInfo(&a, f)
		}
		if p.answers.nodes == nil {
			p.askNodes(&a)
		}
	}
	p.answers.current = !a.down
	if p.answers.current {
		p.info.tell(f)
	}
	if a.err != nil {
		f.failed(SourceAttach, a.err, "")
		return
	}
	f.worked(SourceAttach)
}

// askRoutine asks for what every sample needs, in one request: a connection costs
// more than most answers. A JVM that lacks one of the commands gets each by itself.
func (p *Process) askRoutine(a *asker, modern bool) dcmd.Sections {
	commands := []attach.Command{attach.HeapInfo, attach.NativeMemorySummary}
	if modern {
		commands = []attach.Command{attach.HeapInfo, attach.CodeCache, attach.MetaspaceBasic, attach.NativeMemorySummary}
	}
	if !p.oneByOne {
		before := a.err
		text, ok := a.do(commands...)
		if ok || a.down {
			return dcmd.Split(text)
		}
		p.oneByOne, a.err = true, before // the one that it lacks will say so
	}
	var s dcmd.Sections
	for _, c := range commands {
		text, _ := a.do(c)
		switch c {
		case attach.HeapInfo:
			s.HeapInfo = text
		case attach.CodeCache:
			s.CodeCache = text
		case attach.MetaspaceBasic:
			s.Metaspace = text
		default:
			s.NMT = text
		}
	}
	return s
}

func (p *Process) readNMT(a *asker, f *Facts, text string) {
	if text == "" {
		return
	}
	report, err := nmt.Parse(text)
	switch {
	case errors.Is(err, nmt.ErrDisabled):
		f.NMT = "off"
		f.failed(SourceNMT, nmt.ErrDisabled, "start the JVM with -XX:NativeMemoryTracking=summary to split native memory")
		return
	case err != nil:
		f.failed(SourceNMT, err, "")
		return
	}
	f.worked(SourceNMT)
	f.Report = report
	if f.NMT != "detail" {
		f.NMT = "summary"
		return
	}
	if p.answers.virtual == nil {
		if text, ok := a.do(attach.NativeMemoryDetail); ok {
			if detail, err := nmt.Parse(text); a.parsed(err) {
				p.answers.virtual = detail.Regions
			}
		}
	}
}

func (p *Process) readCodeCache(a *asker, f *Facts, text string) {
	if text == "" {
		return
	}
	code, err := dcmd.ParseCodeCache(text)
	if !a.parsed(err) {
		return
	}
	p.answers.code = code.Ranges
	committed := int64(0)
	for _, h := range code.Heaps {
		committed += h.CommittedBytes
	}
	f.CodeCache = &Usage{UsedBytes: new(code.UsedBytes()), CommittedBytes: &committed}
}

func (p *Process) readMetaspace(a *asker, f *Facts, text string) {
	if text == "" {
		return
	}
	usage, err := dcmd.ParseMetaspaceBasic(text)
	if !a.parsed(err) {
		return
	}
	f.Metaspace = spaceUsage(usage.NonClass)
	f.ClassSpace = &Usage{UsedBytes: new(int64(0)), CommittedBytes: new(int64(0))} // switched off
	if usage.ClassSpace != nil {
		f.ClassSpace = spaceUsage(*usage.ClassSpace)
	}
}

func (p *Process) askNodes(a *asker) {
	if text, ok := a.do(attach.MetaspaceNodes); ok {
		if nodes, _, err := dcmd.ParseMetaspace(text); a.parsed(err) && nodes != nil {
			p.answers.nodes = nodes
		}
	}
}

func spaceUsage(s dcmd.SpaceUsage) *Usage {
	return &Usage{UsedBytes: s.UsedBytes, CommittedBytes: s.CommittedBytes, ReservedBytes: s.ReservedBytes}
}

// asker sends commands until one shows that the JVM can't be asked.
type asker struct {
	ctx    context.Context
	client *attach.Client
	err    error // the first; what came before it is kept
	down   bool
}

func (a *asker) do(commands ...attach.Command) (text string, ok bool) {
	if a.down {
		return "", false
	}
	reply, err := a.client.Do(a.ctx, commands...)
	if err != nil {
		if a.err == nil {
			a.err = err
		}
		// A command that this JDK lacks says nothing of the next one.
		a.down = !errors.Is(err, attach.ErrCommand)
		return "", false
	}
	return reply.Text, true
}

// parsed records that a reply was not understood.
func (a *asker) parsed(err error) bool {
	if err != nil && a.err == nil {
		a.err = fmt.Errorf("reply not understood: %w", err)
	}
	return err == nil
}
