package main

import (
	"context"
	"net/url"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/sidecar/sizing"
)

const sizingUsage = `Print what to set: a memory limit and flags of the JVM for the observed load, settings that fit a limit,
and what is wasted. Without --file it asks the running sidecar, as jvmem get does.

  jvmem sizing
  jvmem sizing --limit 512Mi
  jvmem sizing --file history.json

Exit code: 0, also without sizes (the output says what is missing); 1 error.
`

type sizingOptions struct {
	getOptions
	file, limit string
}

func (o *sizingOptions) define(flags *pflag.FlagSet) {
	flags.StringVar(&o.file, "file", "", "output of GET /history or jvmem get history, also compressed by gzip; -: standard input; default: ask the sidecar")
	flags.StringVar(&o.limit, "limit", "", "find flags that fit this limit, such as 512Mi; default: the current one")
	annotate(flags, "file", pathAnnotation)
	o.getOptions.define(flags)
}

// size prints the sizes by a recorded history, or by that of the running sidecar.
func size(ctx context.Context, e environment, args []string) (int, error) {
	var o sizingOptions
	flags := newFlags(sizingUsage, e.stdout)
	o.define(flags)
	if err := parse(flags, args, e.getenv); err != nil {
		return exitError, err
	}
	if err := o.check(flags); err != nil {
		return exitError, err
	}
	limit := int64(0)
	query := url.Values{}
	if o.limit != "" {
		var err error
		if limit, err = sizing.ParseLimit(o.limit); err != nil {
			return exitError, err
		}
		query.Set("limit", o.limit)
	}
	if o.file == "" {
		return exitOK, o.print(ctx, "sizing", query, e)
	}
	recorded, err := readHistory(o.file, e)
	if err != nil {
		return exitError, err
	}
	return exitOK, write(sizing.All(recorded, limit), o.format, e.stdout)
}
