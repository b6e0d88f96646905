package main

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/sidecar/byhand"
	"github.com/jvmem/jvmem/sidecar/sample"
)

const tryUsage = `Send the JVM a command that acts on it, and print which rows changed and what that proves.

  jvmem try trim --yes    malloc returns free memory to the kernel: was it retained, or is it in use?
  jvmem try gc --yes      a full collection, which stops most JVMs: was it garbage, or is it live?
  kubectl exec my-pod -c jvmem -- /jvmem try trim --yes

Exit code: 0, 1 error.
`

// interventions returns what can be tried.
func interventions() []string { return []string{byhand.Trim, byhand.GC} }

type tryOptions struct {
	sample.Options
	user    string
	consent bool
}

func (o *tryOptions) define(flags *pflag.FlagSet) {
	observeFlags(flags, &o.Options, &o.user)
	flags.BoolVar(&o.consent, "yes", false, "send the command")
}

// try sends one command with an effect.
func try(ctx context.Context, e environment, args []string) (int, error) {
	name := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	var o tryOptions
	flags := newFlags(tryUsage, e.stdout)
	o.define(flags)
	if err := parse(flags, args, e.getenv); err != nil {
		return exitError, err
	}
	if err := takeUser(o.user, o.Options); err != nil {
		return exitError, err
	}
	return exitOK, byhand.Try(ctx, o.Options, name, o.consent, e.stdout)
}
