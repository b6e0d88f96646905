package jvm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/jvm/attach"
	"github.com/jvmem/jvmem/jvm/dcmd"
	"github.com/jvmem/jvmem/jvm/nmt"
	"github.com/jvmem/jvmem/jvm/ranges"
	"github.com/jvmem/jvmem/jvm/resident"
)

// round is the commands of one Query. The first failure to connect ends it, so that
// neither the JVM nor the caller waits for the others.
type round struct {
	ctx     context.Context
	session *Session
	err     error // the first; replies before it are kept
	down    bool  // the JVM cannot be reached
}

func (r *round) send(commands ...attach.Command) (text string, ok bool) {
	if r.down {
		return "", false
	}
	text, err := r.session.Send(r.ctx, commands...)
	if err != nil {
		if r.err == nil {
			r.err = err
		}
		// A command that this JDK lacks does not affect the next one.
		r.down = !errors.Is(err, attach.ErrCommand)
		return "", false
	}
	return text, true
}

// responded returns Facts.Responded. before is what it was: after a failed handshake no
// other attempt is made for some time.
func (r *round) responded(before *bool) *bool {
	switch {
	case !r.down:
		return new(true)
	case errors.Is(r.err, attach.ErrTimeout), errors.Is(r.err, attach.ErrStopped):
		return new(false)
	case errors.Is(r.err, attach.ErrBackOff):
		return before
	}
	return nil
}

// parsed records a reply that could not be parsed.
func (r *round) parsed(err error) bool {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("the reply could not be parsed: %w", err)
	}
	return err == nil
}

// readCommands sends the diagnostic commands of a sample.
func (p *Process) readCommands(ctx context.Context, a *Answers) {
	f, q := &a.Facts, &p.queried
	q.session = p.openSession(a)
	q.ranges.Current = false
	r := &round{ctx: ctx, session: q.session}
	defer func() {
		q.session.Collector = f.Collector
		q.responded = r.responded(q.responded)
		f.Responded = q.responded
	}()
	if err := p.refuseStopped(); err != nil {
		r.err, r.down = err, true
		f.failed(SourceAttach, err, "")
		return
	}
	if p.counted.growth.Action == resident.Query {
		// There are new ranges. VM.metaspace takes a safepoint and NMT detail takes long:
		// they are sent only for this.
		q.ranges.Nodes, q.ranges.NMT = nil, nil
	}
	modern := f.Major == 0 || f.Major > 8 // JDK 8 has GC.heap_info and NMT only
	first := q.ranges.Info == nil
	if modern && first { // before NMT: the first VM.info makes the JVM allocate some MiB
		p.sendInfo(r, a)
	}
	replies := p.sendRoutine(r, modern)
	if heap, err := dcmd.ParseHeapInfo(replies.HeapInfo); replies.HeapInfo != "" && r.parsed(err) {
		q.ranges.Heap = heap.Ranges
		f.Heap = &Usage{UsedBytes: &heap.UsedBytes, CommittedBytes: &heap.CommittedBytes}
	}
	p.parseCodeCache(r, f, replies.CodeCache)
	parseMetaspace(r, f, replies.Metaspace)
	p.parseNMT(r, f, replies.NMT)
	if modern {
		if !first && q.info.due(p, a) {
			p.sendInfo(r, a)
		}
		if q.ranges.Nodes == nil {
			p.sendNodes(r)
		}
	}
	if q.ranges.Current = !r.down; q.ranges.Current {
		q.info.report(f)
	}
	if r.err != nil {
		f.failed(SourceAttach, r.err, "")
		return
	}
	f.worked(SourceAttach)
}

// sendRoutine sends what every sample needs in one request: a connection costs more
// than most replies. If a JVM lacks one of the commands, each is sent separately.
func (p *Process) sendRoutine(r *round, modern bool) dcmd.Sections {
	commands := []attach.Command{attach.HeapInfo, attach.NativeMemorySummary}
	if modern {
		commands = []attach.Command{attach.HeapInfo, attach.CodeCache, attach.MetaspaceBasic, attach.NativeMemorySummary}
	}
	if !p.queried.oneByOne {
		before := r.err
		text, ok := r.send(commands...)
		if ok || r.down {
			return dcmd.Split(text)
		}
		p.queried.oneByOne, r.err = true, before // the command that it lacks fails again below
	}
	var s dcmd.Sections
	for _, c := range commands {
		text, _ := r.send(c)
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

func (p *Process) parseNMT(r *round, f *Facts, text string) {
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
	if p.queried.ranges.NMT == nil {
		if text, ok := r.send(attach.NativeMemoryDetail); ok {
			if detail, err := nmt.Parse(text); r.parsed(err) {
				p.queried.ranges.NMT = detail.Regions
			}
		}
	}
}

func (p *Process) parseCodeCache(r *round, f *Facts, text string) {
	if text == "" {
		return
	}
	code, err := dcmd.ParseCodeCache(text)
	if !r.parsed(err) {
		return
	}
	p.queried.ranges.Code = code.Ranges
	committed := int64(0)
	for _, h := range code.Heaps {
		committed += h.CommittedBytes
	}
	f.CodeCache = &Usage{UsedBytes: new(code.UsedBytes()), CommittedBytes: &committed}
}

func parseMetaspace(r *round, f *Facts, text string) {
	if text == "" {
		return
	}
	usage, err := dcmd.ParseMetaspaceBasic(text)
	if !r.parsed(err) {
		return
	}
	f.Metaspace = spaceUsage(usage.NonClass)
	f.ClassSpace = &Usage{UsedBytes: new(int64(0)), CommittedBytes: new(int64(0))} // switched off
	if usage.ClassSpace != nil {
		f.ClassSpace = spaceUsage(*usage.ClassSpace)
	}
}

func spaceUsage(s dcmd.SpaceUsage) *Usage {
	return &Usage{UsedBytes: s.UsedBytes, CommittedBytes: s.CommittedBytes, ReservedBytes: s.ReservedBytes}
}

func (p *Process) sendNodes(r *round) {
	if text, ok := r.send(attach.MetaspaceNodes); ok {
		if nodes, _, err := dcmd.ParseMetaspace(text); r.parsed(err) && nodes != nil {
			p.queried.ranges.Nodes = nodes
		}
	}
}

// vmInfo holds the changing values of the last VM.info, and what other sources reported
// about malloc at that time.
type vmInfo struct {
	version   string
	collector string
	malloc    *Malloc
	tracked   *int64 // bytes that NMT tracked then; nil: unknown
	then      resident.Info
}

// due decides whether to send VM.info again.
func (i *vmInfo) due(p *Process, a *Answers) bool {
	then, decision := p.policy.VMInfo(i.then, p.counted.malloced.Malloced, a.collections)
	i.then = then
	return decision.Action == resident.Query
}

// report adds to the facts what is known: malloc's account, with what NMT has seen
// since then.
func (i *vmInfo) report(f *Facts) {
	if f.Report != nil && i.tracked == nil {
		i.tracked = new(f.Report.MallocedBytes())
	}
	if f.Version == "" {
		f.Version, f.Major, f.Collector = i.version, major(i.version), i.collector
	}
	if i.malloc != nil {
		f.Malloc = new(*i.malloc)
		if f.Report != nil && i.tracked != nil {
			f.Malloc.InUseBytes += f.Report.MallocedBytes() - *i.tracked
		}
	}
}

func (p *Process) sendInfo(r *round, a *Answers) {
	text, ok := r.send(attach.VMInfo)
	if !ok {
		return
	}
	reply, err := dcmd.ParseVMInfo(text)
	if !r.parsed(err) {
		return
	}
	p.queried.ranges.Info = reply.Ranges
	if reply.Ranges == nil { // it answered, but without a range: ZGC on JDK 11
		p.queried.ranges.Info = []ranges.Range{}
	}
	i := vmInfo{version: strings.Clone(reply.Version), collector: strings.Clone(reply.GC), then: resident.Info{
		Collections: a.collections, Collected: p.queried.info.then.Collected,
	}}
	if reply.CHeapOutstandingBytes != nil && reply.CHeapRetainedBytes != nil {
		i.malloc = &Malloc{InUseBytes: *reply.CHeapOutstandingBytes, FreeBytes: *reply.CHeapRetainedBytes}
	}
	if a.Facts.Report != nil {
		i.tracked = new(a.Facts.Report.MallocedBytes())
	}
	p.queried.info = i
}
