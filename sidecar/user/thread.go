package user

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// as runs f on an OS thread that has the credentials of a user, and returns once the thread
// has ended: then all threads have the same credentials again, as Become requires.
func as(uid, gid int, f func()) error {
	done := make(chan error)
	var tid int
	go func() {
		runtime.LockOSThread() // and no unlock: the thread ends with the goroutine
		if tid = unix.Gettid(); tid == os.Getpid() {
			// The main thread would never end. While this goroutine holds it, another
			// one gets another thread.
			err := as(uid, gid, f)
			runtime.UnlockOSThread()
			done <- err
			return
		}
		err := setThread(uid, gid)
		if err == nil {
			f()
		}
		done <- err
	}()
	err := <-done
	for tid != os.Getpid() && unix.Tgkill(os.Getpid(), tid, 0) == nil {
		time.Sleep(time.Millisecond)
	}
	return err
}

// setThread changes the credentials of the calling thread only: package syscall would change
// those of all threads.
func setThread(uid, gid int) error {
	for _, call := range []struct {
		name   string
		number uintptr
		args   [3]uintptr
	}{
		{"setgroups", unix.SYS_SETGROUPS, [3]uintptr{}},
		{"setresgid", unix.SYS_SETRESGID, [3]uintptr{uintptr(gid), uintptr(gid), uintptr(gid)}},
		{"setresuid", unix.SYS_SETRESUID, [3]uintptr{uintptr(uid), uintptr(uid), uintptr(uid)}},
	} {
		if _, _, errno := unix.RawSyscall(call.number, call.args[0], call.args[1], call.args[2]); errno != 0 {
			return fmt.Errorf("%s: %w", call.name, errno)
		}
	}
	return hide()
}

// hide makes the process not dumpable: nobody may trace it or read its memory. The kernel
// sets this anew, to fs.suid_dumpable, when credentials change.
func hide() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_DUMPABLE: %w", err)
	}
	return nil
}
