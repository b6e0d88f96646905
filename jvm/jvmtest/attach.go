package jvmtest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fake is a JVM as an attach client sees it, without a JVM: a directory laid
// out like /proc, with one process whose PID is the test's own (so that the
// kernel names the test as the peer of its socket), and what listens there.
type Fake struct {
	Proc  string // takes the place of /proc
	PID   int
	NSPID int // in the fake container
	Tmp   string
	Cwd   string
	tb    testing.TB
}

// Status is what the fake's /proc/<pid>/status says.
type Status struct {
	State    byte // 'S', 'T', ...
	UID, GID int  // effective
	SigCgt   uint64
}

// SigQuit is the bit of SIGQUIT in Status.SigCgt.
const SigQuit = 0x4

// NewFake returns a process that runs HotSpot as the test's own user, catches
// SIGQUIT and has no socket. Nothing is signalled: a real SIGQUIT to its PID
// would end the test.
func NewFake(tb testing.TB) *Fake {
	tb.Helper()
	f := &Fake{Proc: tb.TempDir(), PID: os.Getpid(), NSPID: 7, tb: tb}
	f.Tmp, f.Cwd = filepath.Join(f.dir(), "root", "tmp"), filepath.Join(f.dir(), "root", "app")
	for _, dir := range []string{f.Tmp, f.Cwd} {
		f.must(os.MkdirAll(dir, 0o755))
	}
	f.must(os.Symlink(filepath.Join("root", "app"), filepath.Join(f.dir(), "cwd")))
	f.must(os.Symlink("/proc/self", filepath.Join(f.Proc, "self")))
	f.SetStatus(Status{State: 'S', UID: os.Geteuid(), GID: os.Getegid(), SigCgt: SigQuit})
	f.SetStat('S', 4711)
	f.write("statm", "1 1 1 1 0 1 0\n")
	f.SetMaps("7f00-7f01 r-xp 00000000 00:00 42                    /usr/lib/jvm/lib/server/libjvm.so\n")
	return f
}

func (f *Fake) dir() string { return filepath.Join(f.Proc, strconv.Itoa(f.PID)) }

func (f *Fake) must(err error) {
	f.tb.Helper()
	if err != nil {
		f.tb.Fatalf("jvmtest: %v", err)
	}
}

// SetStatus writes /proc/<pid>/status.
func (f *Fake) SetStatus(s Status) {
	f.tb.Helper()
	f.write("status", fmt.Sprintf("Name:\tjava\nState:\t%c (fake)\nPid:\t%d\nUid:\t%d\t%d\t%d\t%d\nGid:\t%d\t%d\t%d\t%d\nNSpid:\t%d\t%d\nVmSize:\t1 kB\nThreads:\t1\nSigBlk:\t0000000000000000\nSigCgt:\t%016x\n",
		s.State, f.PID, s.UID, s.UID, s.UID, s.UID, s.GID, s.GID, s.GID, s.GID, f.PID, f.NSPID, s.SigCgt))
}

// SetStat writes the stat of the first thread with this state and start time in ticks.
func (f *Fake) SetStat(state byte, startTime uint64) { f.SetProgram(state, startTime, 0x7ffd0000) }

// SetExiting is SetStat while the kernel ends the first thread (PF_EXITING).
func (f *Fake) SetExiting(startTime uint64) { f.setStat('R', 0x4, startTime, 0x7ffd0000) }

// SetProgram is SetStat with where the main stack begins.
func (f *Fake) SetProgram(state byte, startTime, stack uint64) { f.setStat(state, 0, startTime, stack) }

func (f *Fake) setStat(state byte, flags, startTime, stack uint64) {
	f.tb.Helper()
	dir := filepath.Join("task", strconv.Itoa(f.PID))
	f.must(os.MkdirAll(filepath.Join(f.dir(), dir), 0o755))
	f.write(filepath.Join(dir, "stat"), fmt.Sprintf("%d (java) %c 1 2 3 4 5 %d 7 8 9 10 11 12 13 14 15 16 17 18 %d 20 21 22 23 24 %d 26\n", f.PID, state, flags, startTime, stack))
}

// SetCgroup writes /proc/<pid>/cgroup.
func (f *Fake) SetCgroup(text string) {
	f.tb.Helper()
	f.write("cgroup", text)
}

// SetMounts writes /proc/<pid>/mountinfo.
func (f *Fake) SetMounts(text string) {
	f.tb.Helper()
	f.write("mountinfo", text)
}

// SetListening shows a socket on which HotSpot listens, in /proc/<pid>/net/unix, and if it
// is its own, in /proc/<pid>/fd.
func (f *Fake) SetListening(own bool) {
	f.tb.Helper()
	for _, dir := range []string{"net", "fd"} {
		f.must(os.MkdirAll(filepath.Join(f.dir(), dir), 0o755))
	}
	f.write("net/unix", fmt.Sprintf("Num       RefCount Protocol Flags    Type St Inode Path\n"+
		"00000000516f8a22: 00000003 00000000 00000000 0001 03 3899958\n"+
		"00000000916b13c2: 00000002 00000000 00010000 0001 01 3903942 /tmp/.java_pid%d.tmp\n", f.NSPID))
	if own {
		f.must(os.Symlink("socket:[3903942]", filepath.Join(f.dir(), "fd", "9")))
	}
}

// SetMaps writes /proc/<pid>/maps.
func (f *Fake) SetMaps(maps string) {
	f.tb.Helper()
	f.write("maps", maps)
}

// SetThreads gives the process one thread of each name, as in its comm.
func (f *Fake) SetThreads(names ...string) {
	f.tb.Helper()
	for i, name := range names {
		dir := filepath.Join("task", strconv.Itoa(f.PID+i))
		f.must(os.MkdirAll(filepath.Join(f.dir(), dir), 0o755))
		f.write(filepath.Join(dir, "comm"), name+"\n")
	}
}

func (f *Fake) write(name, text string) {
	f.tb.Helper()
	// In one step, as the kernel does.
	f.must(os.WriteFile(filepath.Join(f.dir(), name+".new"), []byte(text), 0o644))
	f.must(os.Rename(filepath.Join(f.dir(), name+".new"), filepath.Join(f.dir(), name)))
}

// Socket is the path of the fake's attach socket.
func (f *Fake) Socket() string { return filepath.Join(f.Tmp, fmt.Sprintf(".java_pid%d", f.NSPID)) }

// Trigger is the name of the fake's trigger file.
func (f *Fake) Trigger() string { return fmt.Sprintf(".attach_pid%d", f.NSPID) }

// Handler answers one request on conn, which is closed after it. The commands
// are the lines of the request.
type Handler func(conn net.Conn, commands []string)

// Listener serves a fake's socket.
type Listener struct {
	ln       *net.UnixListener
	done     chan struct{}
	mu       sync.Mutex
	requests [][]byte
}

// Listen opens the socket and answers one client after the other, as HotSpot
// does, until the end of the test.
func (f *Fake) Listen(h Handler) *Listener {
	f.tb.Helper()
	l := &Listener{ln: f.open(), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for {
			conn, err := l.ln.Accept()
			if err != nil {
				return
			}
			l.serve(conn, h)
		}
	}()
	f.tb.Cleanup(l.Close)
	return l
}

// LeaveStaleSocket leaves a socket on which nothing listens.
func (f *Fake) LeaveStaleSocket() {
	f.tb.Helper()
	f.must(f.open().Close())
}

// open binds under another name first and renames, so that the socket appears
// when it listens, in place of a stale one: the way of HotSpot.
func (f *Fake) open() *net.UnixListener {
	f.tb.Helper()
	dir, err := os.Open(f.Tmp)
	f.must(err)
	defer dir.Close()
	// Through the descriptor, as test folders have long names and sun_path 108 bytes.
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/new", dir.Fd())})
	f.must(err)
	ln.SetUnlinkOnClose(false)
	f.must(os.Rename(filepath.Join(f.Tmp, "new"), f.Socket()))
	return ln
}

// Close stops listening and leaves the socket file, as a killed JVM does.
func (l *Listener) Close() {
	l.ln.Close() //nolint:errcheck // closed already is fine
	<-l.done
}

// Requests returns the bytes of each request so far.
func (l *Listener) Requests() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([][]byte(nil), l.requests...)
}

// serve reads a request the way HotSpot does: strings, each ended by a zero byte.
// They are five in version 1 of the protocol; in version 2 the first two are followed
// by two more. It waits without end for a client that sends less.
func (l *Listener) serve(conn net.Conn, h Handler) {
	defer conn.Close()
	var request []byte
	for one := make([]byte, 1); ; {
		if _, err := conn.Read(one); err != nil {
			return
		}
		request = append(request, one...)
		want := 5
		if request[0] == '2' {
			want = 4
		}
		if bytes.Count(request, []byte{0}) == want {
			break
		}
	}
	l.mu.Lock()
	l.requests = append(l.requests, request)
	l.mu.Unlock()
	fields := strings.Split(string(request), "\x00")
	commands := fields[2]
	if fields[0] == "2" {
		commands = fields[3]
	}
	h(conn, strings.Split(commands, "\n"))
}

// Answer answers every request with this code and text.
func Answer(code int, text string) Handler {
	return AnswerInPieces(code, text, len(text)+16)
}

// AnswerInPieces writes the answer in pieces of so many bytes, each in a write
// of its own.
func AnswerInPieces(code int, text string, bytes int) Handler {
	return func(conn net.Conn, _ []string) {
		writePieces(conn, fmt.Sprintf("%d\n%s", code, text), bytes)
	}
}

func writePieces(conn net.Conn, answer string, size int) {
	for len(answer) > 0 {
		n := min(size, len(answer))
		if _, err := io.WriteString(conn, answer[:n]); err != nil {
			return
		}
		answer = answer[n:]
	}
}

// AnswerCommands answers each command with its text, one after the other. Like
// HotSpot it ends at the first that it does not know, with code -1.
func AnswerCommands(texts map[string]string) Handler {
	return func(conn net.Conn, commands []string) {
		code, answer := 0, ""
		for _, command := range commands {
			text, ok := texts[command]
			if !ok {
				code, answer = -1, answer+"java.lang.IllegalArgumentException: Unknown diagnostic command\n"
				break
			}
			answer += text
		}
		writePieces(conn, fmt.Sprintf("%d\n%s", code, answer), 8192)
	}
}

// Raw writes these bytes as they are and closes: a foreign listener, or an
// answer that ends early.
func Raw(answer string) Handler {
	return func(conn net.Conn, _ []string) { writePieces(conn, answer, len(answer)+1) }
}

// Stall writes these bytes and then nothing, until the client hangs up or a
// minute has passed.
func Stall(answer string) Handler {
	return func(conn net.Conn, _ []string) {
		writePieces(conn, answer, len(answer)+1)
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1)) // ends when the client hangs up
	}
}

// Flood answers code 0 and then text again and again until the client hangs up.
func Flood(text string) Handler {
	return func(conn net.Conn, _ []string) {
		for answer := "0\n" + text; ; answer = text {
			if _, err := io.WriteString(conn, answer); err != nil {
				return
			}
		}
	}
}
