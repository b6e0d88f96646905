package evidence

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
)

// ErrNoStream means that a JDK cannot write a heap dump into a FIFO.
const ErrNoStream attach.Kind = "no heap dump into a stream"

const (
	// pollMillis is the longest time until the end of a context or a reply is noticed.
	pollMillis = 50
	// drainTimeout is how long a JVM may take for a dump that nobody wants any more: it writes
	// some 250 MB in a second.
	drainTimeout = 2 * time.Minute
)

// DumpHeap writes a heap dump (HPROF, gzip) of all objects to w. THE APPLICATION STOPS until
// the dump is written: the context must have a deadline. If it ends, or if w fails, the JVM
// is not left waiting: the rest is read and discarded, which takes some seconds for a large
// heap. w may hang. Nothing of the dump is kept here or in the JVM's file system, and no
// collection runs.
//
// JDK 8 and older updates of 11 only write a file that does not exist yet, and return to the
// lengths in its middle: ErrNoStream.
//
// From JDK 22 on, HotSpot writes what is not an object into the file that it is given, and
// the objects into another, which it would append to the first. That one is a FIFO too. Its
// name is removed when the JVM has opened it, so the JVM cannot append it, and reports an
// error at the end: the last record, which it then omits, is written here. The last MiB of
// what is not an object, which HotSpot holds until then, follows the objects: strings and
// classes. Readers of HPROF look objects up after they have read all of it.
func DumpHeap(ctx context.Context, p *jvm.Process, w io.Writer) error {
	session, err := p.Session()
	if err != nil {
		return err
	}
	compressed, err := gzip.NewWriterLevel(newLeaving(ctx, w), gzip.BestSpeed)
	if err != nil {
		return err
	}
	command := attach.HeapDump{NSPID: cmp.Or(p.Status().NSPID, p.Status().PID), Serial: true}
	err = dumpHeap(ctx, p, session, command, compressed)
	if unknownOption(err) { // of JDK 22 and newer
		command.Serial = false
		err = dumpHeap(ctx, p, session, command, compressed)
	}
	if unknownOption(err) {
		return p.Refuse(ErrNoStream, "this JDK writes heap dumps only into a new file, and not from beginning to end: a recent update of JDK 11, or a newer one, is needed to copy one out of a container without a disk",
			fmt.Sprintf("on a volume of the JVM's container with room for the whole heap: jcmd %d GC.heap_dump -all /path/heap.hprof, where jcmd itself needs some 50 MiB of the container's memory", command.NSPID))
	}
	if err != nil {
		return err
	}
	return compressed.Close()
}

// unknownOption reports whether the JVM refused a command for an option that it lacks. It
// has done nothing then.
func unknownOption(err error) bool {
	var e *attach.Error
	return errors.As(err, &e) && e.Kind == attach.ErrCommand && strings.Contains(e.Reason, "Unknown argument")
}

// dump is a heap dump that is being copied.
type dump struct {
	w       io.Writer
	main    *fifo
	objects *fifo // JDK 22 and newer
	replied chan error
}

func dumpHeap(ctx context.Context, p *jvm.Process, session *jvm.Session, command attach.HeapDump, w io.Writer) (err error) {
	d := &dump{w: w, replied: make(chan error, 1)}
	name := attach.HeapDumpFile(command.NSPID)
	if d.main, err = newFIFO(p, name); err != nil {
		return err
	}
	defer d.main.close()
	if d.objects, err = newFIFO(p, attach.HeapDumpObjects(name)); err != nil {
		return err
	}
	defer d.objects.close()
	sent, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(drainTimeout, cancel) })
	defer stop()
	go func() {
		text, err := session.Send(sent, command)
		if err == nil && !strings.Contains(text, "Heap dump file created") {
			err = errors.New(jvm.Printable(strings.TrimSpace(text), maxReasonBytes))
		}
		d.replied <- err
	}()
	return d.copy(ctx)
}

// copy copies the dump until the JVM has replied and everything is read.
func (d *dump) copy(ctx context.Context) error {
	out := &faulty{w: d.w}
	main, objects := &records{w: out, through: int64(hprofHeaderBytes)}, &records{w: out}
	buffer := make([]byte, fifoBytes)
	split, replied := false, false
	var reply error
	for {
		// What the JVM wrote first has to come first: it writes objects after what describes
		// them. A part of a record is followed by its rest.
		n, err := 0, error(nil)
		if objects.between() {
			n, err = copyFrom(d.main, main, buffer)
		}
		if n == 0 && err == nil && main.between() {
			n, err = copyFrom(d.objects, objects, buffer)
			split = split || n > 0
		}
		if out.err == nil {
			out.err = context.Cause(ctx)
		}
		switch {
		case err != nil:
			return err
		case n > 0:
			continue
		case replied:
			return cmp.Or(out.err, d.end(main, objects, split, reply))
		}
		select {
		case reply = <-d.replied:
			replied = true // what is left in the FIFOs is read before the end
		default:
			wait := []unix.PollFd{{Fd: int32(d.main.reader), Events: unix.POLLIN}, {Fd: int32(d.objects.reader), Events: unix.POLLIN}}
			_, _ = unix.Poll(wait, pollMillis) // an error only means that it did not wait
		}
	}
}

// end ends a dump that is read completely.
func (d *dump) end(main, objects *records, split bool, reply error) error {
	if err := cmp.Or(main.finish(), objects.finish()); err != nil {
		return err
	}
	// DumpMerger cannot open the file whose name is gone.
	if split && reply != nil && strings.Contains(reply.Error(), "egmented heap file") {
		_, reply = d.w.Write(hprofEnd[:])
	}
	return reply
}

// faulty is a writer that discards everything after an error.
type faulty struct {
	w   io.Writer
	err error
}

func (f *faulty) Write(b []byte) (int, error) {
	if f.err == nil {
		_, f.err = f.w.Write(b)
	}
	return len(b), nil
}

// leaving is a writer that returns when its context ends, whatever w does.
type leaving struct {
	ctx     context.Context
	w       io.Writer
	written chan error
}

func newLeaving(ctx context.Context, w io.Writer) *leaving {
	return &leaving{ctx, w, make(chan error, 1)}
}

func (l *leaving) Write(b []byte) (int, error) {
	if err := context.Cause(l.ctx); err != nil {
		return 0, err
	}
	own := bytes.Clone(b) // may be written after the return
	go func() {
		_, err := l.w.Write(own)
		l.written <- err
	}()
	select {
	case err := <-l.written:
		return len(b), err
	case <-l.ctx.Done():
		return 0, context.Cause(l.ctx)
	}
}

// copyFrom copies what is in a FIFO now.
func copyFrom(f *fifo, w io.Writer, buffer []byte) (int, error) {
	n, err := f.read(buffer)
	if n == 0 {
		return 0, err
	}
	_, err = w.Write(buffer[:n])
	return n, err
}
