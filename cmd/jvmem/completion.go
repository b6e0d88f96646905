package main

import (
	_ "embed"
	"fmt"
	"io"
)

// completionBash completes what help lists, so it does not repeat commands and flags.
//
//go:embed completion.bash
var completionBash string

// completion prints a script for a shell.
func completion(args []string, stdout io.Writer) error {
	var err error
	switch {
	case len(args) == 1 && args[0] == "bash":
		_, err = io.WriteString(stdout, completionBash)
	case len(args) == 1 && args[0] == "zsh":
		_, err = io.WriteString(stdout, "autoload -U +X bashcompinit && bashcompinit\n"+completionBash)
	default:
		err = fmt.Errorf("shell is missing or not supported: source <(jvmem completion bash), or zsh")
	}
	return err
}
