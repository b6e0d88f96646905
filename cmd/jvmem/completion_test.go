package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestCompletion completes in bash itself, and in fish if it is installed. zsh, which completes
// only in a terminal, reads its script if it is installed.
func TestCompletion(t *testing.T) {
	_, script, _ := runMain(t, noEnv, "completion", "bash")
	_, fishScript, _ := runMain(t, noEnv, "completion", "fish")
	_, noFish := exec.LookPath("fish")
	for words, want := range map[string][]string{
		"d":                             {"diagnose"},
		"ge":                            {"get"},
		"h":                             {"heapdump", "help"},
		"heapdump --yes --max":          {"--max-stop"},
		"try t":                         {"trim"},
		"get o":                         {"owners", "oom"},
		"get breakdown --l":             {"--listen"},
		"get oom --f":                   {"--format"},
		"get oom --format j":            {"json"},
		"breakdown --format t":          {"text"},
		"completion z":                  {"zsh"},
		"serve --pod-n":                 {"--pod-name", "--pod-namespace"},
		"--web":                         {"--web.config.file"},
		"--interval 1s --max":           {"--max-cpu"},
		"serve --evidence ":             {"none", "cheap", "jfr", "heap", "jfr,trace", "jfr,gains"},
		"serve --pid ":                  nil,
		"serve --state-dir testdata/no": nil,
		"diagnose --file complet":       {"completion.go", "completion_test.go"},
		"version --":                    {"--help"},
	} {
		cmd := exec.CommandContext(t.Context(), "bash", "-uc", script+`
			COMP_WORDS=("$0" "$@") COMP_CWORD=$#
			_jvmem
			printf '%s\n' "${COMPREPLY[@]}"`, "jvmem")
		cmd.Args = append(cmd.Args, strings.Split(words, " ")...)
		out, err := cmd.CombinedOutput()
		if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, want) {
			t.Errorf("jvmem %s: %v, %q, want %q", words, err, out, want)
		}
		if noFish != nil {
			continue
		}
		out, err = exec.CommandContext(t.Context(), "fish", "--no-config", "-c", fishScript+`
			complete -C "jvmem $argv" | while read --delimiter \t word about; echo $word; end`, "--", words).CombinedOutput()
		slices.Sort(want) // as fish does
		if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, want) {
			t.Errorf("in fish, jvmem %s: %v, %q, want %q", words, err, out, want)
		}
	}
	for _, shell := range shells() {
		code, script, stderr := runMain(t, noEnv, "completion", shell)
		for _, c := range commands() {
			if !strings.Contains(script, c.name) {
				t.Errorf("%s: exit code %d, no command %s", shell, code, c.name)
			}
			for _, f := range c.flagSet() {
				if !strings.Contains(script, f.Name) {
					t.Errorf("%s: no flag %s", shell, f.Name)
				}
			}
		}
		if code != 0 || stderr != "" {
			t.Errorf("%s: exit code %d, %s", shell, code, stderr)
		}
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not installed", shell)
			continue
		}
		check := exec.CommandContext(t.Context(), shell, "-n")
		check.Stdin = strings.NewReader(script)
		if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v, %s", shell, err, out)
		}
	}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}, {"completion", "bash", "zsh"}} {
		if code, _, stderr := runMain(t, noEnv, args...); code != 1 || !strings.Contains(stderr, "completion bash") {
			t.Errorf("%v: exit code %d, %q", args, code, stderr)
		}
	}
}
