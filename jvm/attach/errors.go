package attach

import (
	"fmt"
	"strings"
)

// Kind is the check or step that failed; test with errors.Is.
type Kind string

// The kinds.
const (
	ErrGone       Kind = "the process is gone"
	ErrStopped    Kind = "the JVM is stopped"
	ErrNotCaught  Kind = "SIGQUIT is not caught"
	ErrNotHotSpot Kind = "not a HotSpot JVM"
	ErrDisabled   Kind = "attach is disabled"
	ErrPermission Kind = "not permitted"
	ErrNoTmp      Kind = "no writable /tmp"
	ErrForeign    Kind = "belongs to another process"
	ErrBackOff    Kind = "waiting after a failed handshake"
	ErrTimeout    Kind = "no reply in time"
	ErrCanceled   Kind = "canceled"
	ErrCommand    Kind = "the JVM rejected the command"
	ErrReply      Kind = "not a reply"
	ErrTooLarge   Kind = "the reply is too large"
	ErrRequest    Kind = "not a valid request"
	ErrSystem     Kind = "system error"
)

// Error returns the kind as text.
func (k Kind) Error() string { return string(k) }

// Error is the error of every failed call of this package.
type Error struct {
	Op   string // "check", "connect", "handshake" or "command"
	PID  int    // in the reader's PID namespace
	Path string // the file or socket, "" where there is none
	Kind Kind
	// Reason is for users. It may quote the JVM's reply. It contains no command line and
	// no environment.
	Reason string
	Fix    string // what the user can change, "" if unknown
	Err    error  // the cause, nil if a check failed
}

// Error returns operation, process, path, reason and cause in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "attach: %s: pid %d", e.Op, e.PID)
	if e.Path != "" {
		fmt.Fprintf(&b, ": %s", e.Path)
	}
	fmt.Fprintf(&b, ": %s", e.Reason)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the kind and, if there is one, the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}
