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
	"github.com/jvmem/jvmem/jvm/region"
	"github.com/jvmem/jvmem/jvm/vmstructs"
)

// answers is what the JVM told of its address ranges. Reservations stay where
// they are: the answers are kept, also when the JVM can't be asked any more.
type answers struct {
	heap, code []region.Range
	// info is of VM.info: heap, class space, CDS, and the collector's tables.
	info []region.Range
	// nodes are those of metaspace. New ones come up, but VM.metaspace takes a
	// safepoint: it is only sent when memory without a name came up.
	nodes []region.Range
	// virtual is the map of NMT detail, which takes the JVM long to write.
	virtual []region.Range
	// current is true if the JVM answered the last time, so that nodes and
	// virtual could have been renewed.
	current bool
}

// readHsperf reads the counters that the JVM keeps in a shared file: no
// handshake and no pause. Those of heap and metaspace are of the last
// collection, so they are no word on what is used now.
func (p *Process) readHsperf(f *Facts) {
	data, err := p.readPerfData()
	if err != nil {
		fix := p.fix(err)
		if errors.Is(err, errNoPerfData) {
			fix = "start the JVM without -XX:-UsePerfData and -XX:+PerfDisableSharedMem, with a writable /tmp and a name for its UID in /etc/passwd"
		}
		f.failed(SourceHsperf, err, fix)
		return
	}
	f.worked(SourceHsperf)
	p.disabled = isSet(data, "DisableAttachMechanism")
	if level, ok := data.Flag("NativeMemoryTracking"); ok {
		f.NMT = level
	}
	s := data.Summary()
	f.Version, f.Major, f.Collector = s.JavaVersion, major(s.JavaVersion), s.GC
	f.Classes = s.Classes()
	if old := s.OldGeneration(); old != nil && old.UsedBytes != nil {
		f.Old = &Old{UsedBytes: *old.UsedBytes, MaxBytes: old.MaxBytes, Collections: s.OldCollections()}
	}
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

// readStructs reads HotSpot's own tables from its memory.
func (p *Process) readStructs(f *Facts) *vmstructs.Snapshot {
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
		f.failed(SourceVMStructs, p.structsErr, p.fix(p.structsErr))
		return nil
	}
	p.readFlags(f)
	if v, err := p.structs.Version(); err == nil && f.Version == "" {
		f.Version, f.Major = v.Release, v.Feature
	}
	snapshot, err := p.structs.Read()
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
	if text, ok := a.do(attach.HeapInfo); ok {
		if heap, err := dcmd.ParseHeapInfo(text); a.parsed(err) {
			p.answers.heap = heap.Ranges
			f.Heap = &Usage{UsedBytes: &heap.UsedBytes, CommittedBytes: &heap.CommittedBytes}
		}
	}
	if f.Major == 0 || f.Major > 8 { // JDK 8 knows none of these
		p.askRanges(&a, f)
	}
	p.askNMT(&a, f) // last: the first VM.info makes the JVM allocate some MiB
	p.answers.current = !a.down
	if a.err != nil {
		f.failed(SourceAttach, a.err, "")
		return
	}
	f.worked(SourceAttach)
}

func (p *Process) askNMT(a *asker, f *Facts) {
	text, ok := a.do(attach.NativeMemorySummary)
	if !ok {
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

func (p *Process) askRanges(a *asker, f *Facts) {
	if text, ok := a.do(attach.CodeCache); ok {
		if code, err := dcmd.ParseCodeCache(text); a.parsed(err) {
			p.answers.code = code.Ranges
			committed := int64(0)
			for _, h := range code.Heaps {
				committed += h.CommittedBytes
			}
			f.CodeCache = &Usage{UsedBytes: new(code.UsedBytes()), CommittedBytes: &committed}
		}
	}
	if text, ok := a.do(attach.VMInfo); ok {
		if info, err := dcmd.ParseVMInfo(text); a.parsed(err) {
			p.answers.info = info.Ranges
			if info.Ranges == nil { // it answered, if without a range: ZGC on JDK 11
				p.answers.info = []region.Range{}
			}
			if f.Version == "" {
				f.Version, f.Major, f.Collector = info.Version, major(info.Version), info.GC
			}
			if info.CHeapOutstandingBytes != nil && info.CHeapRetainedBytes != nil {
				f.Malloc = &Malloc{InUseBytes: *info.CHeapOutstandingBytes, FreeBytes: *info.CHeapRetainedBytes}
			}
		}
	}
	command := attach.MetaspaceBasic
	if p.answers.nodes == nil {
		command = attach.MetaspaceNodes
	}
	text, ok := a.do(command)
	if !ok {
		return
	}
	nodes, usage, err := parseMetaspace(text, command)
	if !a.parsed(err) {
		return
	}
	if nodes != nil {
		p.answers.nodes = nodes
	}
	f.Metaspace = spaceUsage(usage.NonClass)
	f.ClassSpace = &Usage{UsedBytes: new(int64(0)), CommittedBytes: new(int64(0))} // switched off
	if usage.ClassSpace != nil {
		f.ClassSpace = spaceUsage(*usage.ClassSpace)
	}
}

func parseMetaspace(text string, command attach.Command) ([]region.Range, dcmd.MetaspaceUsage, error) {
	if command == attach.MetaspaceNodes {
		return dcmd.ParseMetaspace(text)
	}
	usage, err := dcmd.ParseMetaspaceBasic(text)
	return nil, usage, err
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

func (a *asker) do(command attach.Command) (text string, ok bool) {
	if a.down {
		return "", false
	}
	reply, err := a.client.Do(a.ctx, command)
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
