package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// shells returns the shells with a completion script.
func shells() []string { return []string{"bash", "zsh", "fish"} }

// completion prints a script that completes commands, flags and the values of flags.
func completion(_ context.Context, e environment, args []string) (int, error) {
	if len(args) != 1 || !slices.Contains(shells(), args[0]) {
		return exitError, fmt.Errorf("the shell must be one of %s: source <(jvmem completion bash)", strings.Join(shells(), ", "))
	}
	script := map[string]func([]command) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[args[0]]
	_, err := io.WriteString(e.stdout, script(commands()))
	return exitOK, err
}

// flagSet returns the flags of a command.
func (c command) flagSet() []*pflag.Flag {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags = false
	if c.flags != nil {
		c.flags(flags)
	}
	var all []*pflag.Flag
	flags.VisitAll(func(f *pflag.Flag) { all = append(all, f) })
	return all
}

// isSwitch reports whether a flag takes no value.
func isSwitch(f *pflag.Flag) bool { return f.NoOptDefVal != "" }

func isPath(f *pflag.Flag) bool {
	_, ok := f.Annotations[pathAnnotation]
	return ok
}

// bashCompletion completes without the package bash-completion.
func bashCompletion(all []command) string {
	var names, values, flags []string
	values = append(values, "		*) ;;")
	seen := make(map[string]bool)
	for _, c := range all {
		names = append(names, c.name)
		words := slices.Clone(c.words)
		for _, f := range c.flagSet() {
			words = append(words, "--"+f.Name)
			if seen[f.Name] || isSwitch(f) {
				continue
			}
			seen[f.Name] = true
			action := "return" // any value
			if w := f.Annotations[wordsAnnotation]; w != nil {
				action = fmt.Sprintf(`COMPREPLY=($(compgen -W %q -- "$word")); return`, strings.Join(w, " "))
			} else if isPath(f) {
				action = `COMPREPLY=($(compgen -f -- "$word")); return`
			}
			values = slices.Insert(values, len(values)-1, fmt.Sprintf("		--%s) %s ;;", f.Name, action))
		}
		flags = append(flags, fmt.Sprintf("		%s) words=%q ;;", c.name, strings.Join(words, " ")))
	}
	return fmt.Sprintf(`# bash completion for jvmem: source <(jvmem completion bash)
_jvmem() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words=
	COMPREPLY=()
	if [[ $COMP_CWORD == 1 && $word != -* ]]; then
		COMPREPLY=($(compgen -W %q -- "$word"))
		return
	fi
	[[ $command == -* ]] && command=serve
	case $before in
%s
	esac
	case $command in
%s
	esac
	COMPREPLY=($(compgen -W "$words --help" -- "$word"))
}
complete -o filenames -F _jvmem jvmem
`, strings.Join(names, " "), strings.Join(values, "\n"), strings.Join(flags, "\n"))
}

// zshCompletion uses zsh's own _arguments.
func zshCompletion(all []command) string {
	escape := strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`)
	var names, cases []string
	for _, c := range all {
		names = append(names, fmt.Sprintf("'%s:%s'", c.name, escape.Replace(c.about)))
		specs := []string{"'--help[print the help]'"}
		for _, f := range c.flagSet() {
			action := ""
			if w := f.Annotations[wordsAnnotation]; w != nil {
				action = "(" + strings.Join(w, " ") + ")"
			} else if isPath(f) {
				action = "_files"
			}
			value := fmt.Sprintf(":%s:%s", f.Value.Type(), action)
			if isSwitch(f) {
				value = ""
			}
			specs = append(specs, fmt.Sprintf("'--%s[%s]%s'", f.Name, escape.Replace(f.Usage), value))
		}
		if c.words != nil {
			specs = append(specs, fmt.Sprintf("'1:%s:(%s)'", c.name, strings.Join(c.words, " ")))
		}
		cases = append(cases, fmt.Sprintf("		%s) _arguments %s ;;", c.name, strings.Join(specs, " ")))
	}
	return fmt.Sprintf(`#compdef jvmem
# zsh completion for jvmem: source <(jvmem completion zsh)
_jvmem() {
	local command=$words[2]
	local -a commands=(%s)
	if (( CURRENT == 2 )) && [[ $command != -* ]]; then
		_describe command commands
		return
	fi
	if [[ $command == -* ]]; then
		command=serve
	else
		shift words
		(( CURRENT-- ))
	fi
	case $command in
%s
	esac
}
compdef _jvmem jvmem
`, strings.Join(names, " "), strings.Join(cases, "\n"))
}

// fishCompletion uses fish's own complete. The functions of fish for subcommands do not tell the
// command breakdown from the word in `jvmem get breakdown`, and know no default.
func fishCompletion(all []command) string {
	quote := func(s string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
	}
	var b strings.Builder
	b.WriteString(`# fish completion for jvmem: jvmem completion fish | source
function __jvmem_words # how many are before the cursor
	test (count (commandline -opc)) -eq $argv[1]
end
function __jvmem_command
	set -l command (commandline -opc)[2]
	string match -qr -- '^(-|$)' "$command"; and set command serve
	test $command = $argv[1]
end
complete -c jvmem -f
complete -c jvmem -l help -d 'print the help'
`)
	for _, c := range all {
		fmt.Fprintf(&b, "complete -c jvmem -n '__jvmem_words 1' -a %s -d %s\n", c.name, quote(c.about))
		within := "__jvmem_command " + c.name
		if c.words != nil {
			fmt.Fprintf(&b, "complete -c jvmem -n %s -a %s\n", quote("__jvmem_words 2; and "+within), quote(strings.Join(c.words, " ")))
		}
		for _, f := range c.flagSet() {
			values := " -x" // any value
			if isSwitch(f) {
				values = ""
			} else if w := f.Annotations[wordsAnnotation]; w != nil {
				values += " -a " + quote(strings.Join(w, " "))
			} else if isPath(f) {
				values = " -r -F"
			}
			fmt.Fprintf(&b, "complete -c jvmem -n %s -l %s%s -d %s\n", quote(within), f.Name, values, quote(f.Usage))
		}
	}
	return b.String()
}
