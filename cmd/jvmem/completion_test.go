package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCompletion completes in bash, by a jvmem that prints the help of this package.
func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	for _, args := range []string{"help", "serve --help", "get --help"} {
		_, help, _ := runMain(t, noEnv, strings.Fields(args)...)
		if err := os.WriteFile(filepath.Join(dir, args), []byte(help), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	jvmem := filepath.Join(dir, "jvmem")
	if err := os.WriteFile(jvmem, []byte("#!/bin/sh\ncat \"${0%/*}/$*\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, script, stderr := runMain(t, noEnv, "completion", "bash")
	if code != 0 {
		t.Fatal(stderr)
	}
	for words, want := range map[string][]string{
		"d":                   {"diagnose"},
		"ge":                  {"get"},
		"get o":               {"oom"},
		"get oom --f":         {"--format"},
		"get oom --format j":  {"json"},
		"serve --pod-n":       {"--pod-name", "--pod-namespace"},
		"--web":               {"--web.config.file"},
		"serve --state-dir /": nil,
	} {
		cmd := exec.CommandContext(t.Context(), "bash", "-uc", script+`
			COMP_WORDS=("$0" "$@") COMP_CWORD=$#
			_jvmem
			printf '%s\n' "${COMPREPLY[@]}"`, jvmem)
		cmd.Args = append(cmd.Args, strings.Fields(words)...)
		out, err := cmd.CombinedOutput()
		if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, want) {
			t.Errorf("jvmem %s: %v, %q, want %q", words, err, out, want)
		}
	}
	if code, stdout, _ := runMain(t, noEnv, "completion", "zsh"); code != 0 || !strings.Contains(stdout, "bashcompinit") {
		t.Errorf("zsh: exit code %d, %q", code, stdout)
	}
	for _, args := range [][]string{{"completion"}, {"completion", "fish"}} {
		if code, _, stderr := runMain(t, noEnv, args...); code != 1 || !strings.Contains(stderr, "completion bash") {
			t.Errorf("%v: exit code %d, %q", args, code, stderr)
		}
	}
}
