# Completion for jvmem: commands, reports and flags, as the help of this jvmem lists them.
_jvmem() {
	local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]-} words=
	COMPREPLY=()
	if ((COMP_CWORD == 1)) && [[ $current != -* ]]; then
		words=$("${COMP_WORDS[0]}" help 2>/dev/null | sed -n 's/^  jvmem \[\{0,1\}\([a-z][a-z]*\).*/\1/p')
	elif [[ $current == -* ]]; then
		[[ $command != -* ]] || command=serve
		words=$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null | sed -n 's/^ *\(--[a-z.-]*\) .*/\1/p')
	elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == --format ]]; then
		words="text json"
	elif [[ $command == get ]] && ((COMP_CWORD == 2)); then
		words="breakdown diagnosis oom history"
	elif [[ $command == completion ]] && ((COMP_CWORD == 2)); then
		words="bash zsh"
	fi
	local IFS=$' \t\n'
	COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _jvmem jvmem
