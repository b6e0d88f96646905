package cause

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Setting is a setting of an event in a recording.
type Setting struct{ Event, Name, Value string }

// Options of a recording.
type Options struct {
	// JDK is the feature version of the JVM: 8, 21.
	JDK int
	// Trace: methods may be instrumented (JDK 25 and newer), which retransforms classes.
	Trace bool
	// Gains: what the live objects gain is counted, so allocations are recorded, too.
	Gains bool
	// Roots is for how long the search for the path from an object to its GC root may stop
	// the application; 0: no search.
	Roots time.Duration
}

// firstTrace is the first JDK with jdk.MethodTrace.
const firstTrace = 25

// Settings returns what to record for a kind; nil for an unknown one. A JVM ignores events
// that it does not know.
func Settings(kind Kind, o Options) []Setting {
	s, _ := sourceOf(kind)
	if o.Traces(kind) {
		return []Setting{
			{methodTrace, "enabled", "true"}, {methodTrace, "stackTrace", "true"}, {methodTrace, "threshold", "0 ns"},
			{methodTrace, "filter", s.filter()}, {garbageCollection, "enabled", "true"},
		}
	}
	var settings []Setting
	if o.CountsGains(kind) {
		settings = allocationSettings(o.JDK)
	}
	for _, event := range s.events {
		settings = append(settings, Setting{event, "enabled", "true"})
		switch event {
		case threadEnd, classUnload, garbageCollection:
			continue // without a stack
		case oldObjectSample:
			settings = append(settings, Setting{event, "cutoff", fmt.Sprintf("%d ms", o.Roots.Milliseconds())})
		}
		settings = append(settings, Setting{event, "stackTrace", "true"})
	}
	return settings
}

// Counts reports whether all events of a kind are counted: else objects are sampled.
func (o Options) Counts(kind Kind) bool {
	return kind == Threads || kind == ClassLoader || o.Traces(kind)
}

// Traces reports whether the calls are counted that create what leaks.
func (o Options) Traces(kind Kind) bool {
	s, _ := sourceOf(kind)
	return o.Trace && o.JDK >= firstTrace && s.calls != nil
}

// CountsGains reports whether what the live objects gain is counted: where objects are sampled.
func (o Options) CountsGains(kind Kind) bool { return o.Gains && !o.Counts(kind) }

// firstAllocationSample is the first JDK with jdk.ObjectAllocationSample.
const firstAllocationSample = 16

func allocationSettings(jdk int) (settings []Setting) {
	events := []string{inNewTLAB, outsideTLAB}
	if jdk >= firstAllocationSample {
		events = []string{allocationSample}
		settings = append(settings, Setting{allocationSample, "throttle", "100/s"})
	}
	for _, event := range events {
		settings = append(settings, Setting{event, "enabled", "true"}, Setting{event, "stackTrace", "true"})
	}
	return settings
}

// Samples reports whether objects are sampled: JFR keeps the samples until the recording is
// dumped or ends.
func Samples(settings []Setting) bool {
	return slices.ContainsFunc(settings, func(s Setting) bool { return s.Event == oldObjectSample })
}

// WithoutSamples returns settings by which objects are not sampled.
func WithoutSamples(settings []Setting) []Setting {
	return slices.DeleteFunc(slices.Clone(settings), func(s Setting) bool { return s.Event == oldObjectSample })
}

// Event types.
const (
	threadStart       = "jdk.ThreadStart"
	garbageCollection = "jdk.GarbageCollection"
	threadEnd         = "jdk.ThreadEnd"
	classDefine       = "jdk.ClassDefine"
	classUnload       = "jdk.ClassUnload"
	oldObjectSample   = "jdk.OldObjectSample"
	methodTrace       = "jdk.MethodTrace"
	allocationSample  = "jdk.ObjectAllocationSample"
	inNewTLAB         = "jdk.ObjectAllocationInNewTLAB"
	outsideTLAB       = "jdk.ObjectAllocationOutsideTLAB"
)

// source is where a kind is seen.
type source struct {
	events []string
	// calls create what leaks, frees release it: "java.util.zip.Deflater::<init>". nil for
	// kinds that are seen by events of their own.
	calls, frees []string
	// owners are the classes of the Java objects that own what leaks, nil for the heap. Objects of
	// those that are shared also own something else: they count if calls allocate them, and not
	// more than there are owners.
	owners, shared []string
	// cleaned: a garbage collection releases what nobody refers to.
	cleaned bool
}

// filter returns the methods for jdk.MethodTrace.
func (s source) filter() string {
	return strings.Join(append(append([]string{}, s.calls...), s.frees...), ";")
}

// sourceOf returns the source of a kind; false: there is none.
func sourceOf(kind Kind) (source, bool) {
	if kind != Native {
		s, ok := sources[kind]
		return s, ok
	}
	a, b := sources[DirectBuffers], sources[Zip]
	a.calls, a.frees = slices.Concat(a.calls, b.calls), slices.Concat(a.frees, b.frees)
	a.owners, a.shared = slices.Concat(a.owners, b.owners), slices.Concat(a.shared, b.shared)
	return a, true
}

var sources = map[Kind]source{
	Threads:     {events: []string{threadStart, threadEnd}},
	ClassLoader: {events: []string{classDefine, classUnload}},
	Heap:        {events: []string{oldObjectSample, garbageCollection}},
	DirectBuffers: {
		events: []string{oldObjectSample, garbageCollection},
		calls:  []string{"java.nio.ByteBuffer::allocateDirect"},
		frees:  []string{"java.nio.Bits::unreserveMemory"},
		owners: []string{
			"java.nio.DirectByteBuffer", "java.nio.DirectByteBuffer$Deallocator",
			"io.netty.buffer.PooledUnsafeDirectByteBuf", "io.netty.buffer.PooledDirectByteBuf",
		},
		shared:  []string{"java.nio.DirectByteBuffer", "jdk.internal.ref.Cleaner", "sun.misc.Cleaner"},
		cleaned: true,
	},
	MappedFiles: {
		events:  []string{oldObjectSample, garbageCollection},
		calls:   []string{"sun.nio.ch.FileChannelImpl::map"},
		frees:   []string{"sun.nio.ch.FileChannelImpl$Unmapper::run"},
		owners:  []string{"sun.nio.ch.FileChannelImpl$Unmapper", "sun.nio.ch.FileChannelImpl$DefaultUnmapper"},
		shared:  []string{"java.nio.DirectByteBuffer", "jdk.internal.ref.Cleaner", "sun.misc.Cleaner"},
		cleaned: true,
	},
	Zip: {
		events: []string{oldObjectSample, garbageCollection},
		calls:  []string{"java.util.zip.Deflater::<init>", "java.util.zip.Inflater::<init>"},
		frees:  []string{"java.util.zip.Deflater$DeflaterZStreamRef::run", "java.util.zip.Inflater$InflaterZStreamRef::run"},
		owners: []string{
			"java.util.zip.Deflater", "java.util.zip.Inflater", "java.util.zip.ZStreamRef",
			"java.util.zip.Deflater$DeflaterZStreamRef", "java.util.zip.Inflater$InflaterZStreamRef",
		},
		shared:  []string{"jdk.internal.ref.CleanerImpl$PhantomCleanableRef"},
		cleaned: true,
	},
	Sockets: {
		events: []string{oldObjectSample, garbageCollection},
		calls:  []string{"java.net.Socket::<init>", "sun.nio.ch.SocketChannelImpl::<init>"},
		frees:  []string{"sun.nio.ch.NioSocketImpl::close", "sun.nio.ch.SocketChannelImpl::implCloseSelectableChannel"},
		owners: []string{"java.net.Socket", "java.net.SocksSocketImpl", "sun.nio.ch.NioSocketImpl", "sun.nio.ch.SocketChannelImpl"},
		shared: []string{"java.io.FileDescriptor", "jdk.internal.ref.CleanerImpl$PhantomCleanableRef"},
	},
}
