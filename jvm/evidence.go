package jvm

import (
	"context"
	"errors"
	"fmt"

	"github.com/jvmem/jvmem/jvm/attach"
)

// What can be wrong with a question, beside what package attach finds.
const (
	ErrNotAsked       attach.Kind = "the JVM was never asked"
	ErrTooManyThreads attach.Kind = "too many threads"
	ErrNoThread       attach.Kind = "no such thread"
)

// demand sends one command. partial: the end of the reply is missing.
func (p *Process) demand(ctx context.Context, command attach.Command) (text string, partial bool, err error) {
	if err := p.refresh(); err != nil {
		return "", false, err
	}
	if p.asks == 0 { // it may have attach disabled, and would answer with a thread dump
		return "", false, p.refuse(ErrNotAsked, "what the JVM allows is not known yet", "sample it once before")
	}
	client, err := p.attachClient()
	if err != nil {
		return "", false, err
	}
	reply, err := client.Do(ctx, command)
	switch {
	case errors.Is(err, attach.ErrTooLarge):
		return reply.Text, true, nil
	case errors.Is(err, attach.ErrGone):
		err = fmt.Errorf("%w: %w", ErrGone, err)
	}
	return reply.Text, false, err
}

// notUnderstood is the error for a reply that no parser takes.
func (p *Process) notUnderstood(command attach.Command, err error) error {
	return &attach.Error{Op: "command", PID: p.status.PID, Kind: attach.ErrReply, Err: err,
		Reason: fmt.Sprintf("the reply to %s was not understood", command), Fix: "report it, with the version of the JDK"}
}
