package evidence

import (
	"context"
	"errors"
	"fmt"

	"github.com/jvmem/jvmem/jvm"
	"github.com/jvmem/jvmem/jvm/attach"
)

// Reasons to refuse evidence, besides those of packages attach and jvm.
const (
	ErrTooManyThreads attach.Kind = "too many threads"
	ErrNoThread       attach.Kind = "no such thread"
)

// maxReasonBytes bounds what is quoted of a reply.
const maxReasonBytes = 300

// send sends one command. partial: the end of the reply is missing.
func send(ctx context.Context, p *jvm.Process, command attach.Command) (text string, partial bool, err error) {
	session, err := p.Session()
	if err != nil {
		return "", false, err
	}
	text, err = session.Send(ctx, command)
	if errors.Is(err, attach.ErrTooLarge) {
		return text, true, nil
	}
	return text, false, err
}

// notParsed is the error for a reply that could not be parsed.
func notParsed(p *jvm.Process, command attach.Command, err error) error {
	return &attach.Error{Op: "command", PID: p.Status().PID, Kind: attach.ErrReply, Err: err,
		Reason: fmt.Sprintf("the reply to %s could not be parsed", command), Fix: "report it, with the version of the JDK"}
}
