#!/usr/bin/env bash
# Grows the memory of a JVM step by step and prints `jvmem breakdown` after each step.
# `make demo` builds bin/jvmem and runs this.
#
#   JVMEM       the binary (bin/jvmem)
#   DEMO_PAUSE  seconds between steps (2 on a terminal, 0 otherwise)
#
# On a terminal the last table is updated until Ctrl-C.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
jvmem=${JVMEM:-$root/bin/jvmem}
limit_mib=512
tty=
[[ -t 1 ]] && tty=yes
pause=${DEMO_PAUSE:-${tty:+2}}
pause=${pause:-0}

work=   # temporary folder
cgroup= # memory cgroup of the JVM, if one can be created
pid=    # of the JVM
live=   # all steps are done

fail() {
	echo "demo: $*" >&2
	exit 1
}

# pids lists the processes of the cgroup, if it exists.
pids() { cat "$cgroup/cgroup.procs" 2>/dev/null || true; }

clean() {
	trap - EXIT
	trap '' INT TERM HUP
	if [[ -n $pid ]]; then
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	fi
	if [[ -n $cgroup ]]; then
		# The kernel returns EBUSY for a moment after the last process has exited.
		for _ in {1..100}; do
			rmdir "$cgroup" 2>/dev/null && break
			[[ -d $cgroup ]] || break
			for p in $(pids); do kill -KILL "$p" 2>/dev/null || true; done
			sleep 0.05
		done
		[[ ! -d $cgroup ]] || echo "demo: could not remove $cgroup" >&2
	fi
	[[ -z $work ]] || rm -rf "$work"
}
interrupted() {
	clean
	[[ -n $live ]] && exit 0
	exit 130
}
trap clean EXIT
trap interrupted INT TERM HUP

# own_cgroup VERSION prints the directory of this shell's memory cgroup.
own_cgroup() {
	local path mount type
	if [[ $1 == 1 ]]; then
		path=$(sed -n 's/^[0-9]*:\([^:]*,\)\{0,1\}memory\(,[^:]*\)\{0,1\}:\(.*\)$/\3/p' /proc/self/cgroup)
		type='- cgroup [^ ]+ [^ ]*\bmemory\b'
	else
		path=$(sed -n 's/^0:://p' /proc/self/cgroup)
		type='- cgroup2 '
	fi
	mount=$(grep -E -- "$type" /proc/self/mountinfo | head -n 1 | cut -d ' ' -f 5) || return 1
	[[ -n $path && -n $mount ]] || return 1
	# A container's mount may show only its own part of the hierarchy.
	if [[ -d $mount$path ]]; then realpath "$mount$path"; else echo "$mount"; fi
}

# make_cgroup sets cgroup to a new memory cgroup with the limit; fails where
# this user or this system does not allow one.
make_cgroup() {
	local parent bytes=$((limit_mib << 20))
	if grep -qE '^[0-9]+:([^:]*,)?memory[,:]' /proc/self/cgroup; then
		parent=$(own_cgroup 1) || return 1
		cgroup=$(mktemp -d "$parent/jvmem-demo-XXXXXX" 2>/dev/null) || return 1
		echo "$bytes" 2>/dev/null >"$cgroup/memory.limit_in_bytes"
		return
	fi
	parent=$(own_cgroup 2) || return 1
	# A cgroup with processes in it gives its children no memory controller:
	# go up to one that does.
	until grep -qw memory "$parent/cgroup.subtree_control" 2>/dev/null ||
		{ [[ -w $parent/cgroup.subtree_control ]] && echo +memory 2>/dev/null >"$parent/cgroup.subtree_control"; }; do
		parent=$(dirname "$parent")
		[[ -e $parent/cgroup.subtree_control ]] || return 1
	done
	cgroup=$(mktemp -d "$parent/jvmem-demo-XXXXXX" 2>/dev/null) || return 1
	echo "$bytes" 2>/dev/null >"$cgroup/memory.max"
}

start_jvm() {
	mkdir "$work/classes"
	javac -nowarn -d "$work/classes" "$root"/jvm/jvmtest/workload/*.java
	coproc workload {
		# Joined before the JVM starts, so that all its pages are charged.
		if [[ -n $cgroup ]]; then echo "$BASHPID" >"$cgroup/cgroup.procs"; fi
		# G1, as Serial copies the arrays from eden, whose pages stay resident.
		exec java -XX:+UseG1GC -XX:NativeMemoryTracking=summary -Xmx192m -cp "$work/classes" Workload 2>"$work/stderr"
	}
	pid=$workload_PID
	# bash closes the original descriptors when the coprocess exits.
	exec {commands}>&"${workload[1]}" {replies}<&"${workload[0]}"
	await READY
}

# await PREFIX waits for a reply of the workload.
await() {
	local line
	while read -r -t 60 -u "$replies" line; do
		case $line in
			"$1"*) return ;;
			"ERR "*) fail "the workload reports: $line" ;;
		esac
	done
	fail "no reply from the workload. $(cat "$work/stderr" 2>/dev/null)"
}

show() {
	local table code=0
	# 3: a partial breakdown, which lists what is missing.
	table=$("$jvmem" breakdown --pid "$pid" 2>&1) || code=$?
	((code == 0 || code == 3)) || fail "jvmem breakdown exited with $code: $table"
	[[ -z $tty ]] || printf '\033[H\033[2J'
	printf '%s\n\n%s\n\n' "$1" "$table"
}

step() {
	local title=$1
	shift
	echo "$*" >&"$commands"
	await "OK "
	show "$title"
	sleep "$pause"
}

for need in java javac; do
	command -v "$need" >/dev/null || fail "$need is missing (Debian: apt-get install default-jdk-headless)"
done
[[ -x $jvmem ]] || fail "$jvmem is missing: run make build"

work=$(mktemp -d)
if make_cgroup; then
	where="in a memory cgroup of its own, limited to $limit_mib MiB"
else
	if [[ -n $cgroup ]]; then
		rmdir "$cgroup"
		cgroup=
	fi
	where="without a memory cgroup of its own (not root, or a read-only container), so the totals are those of the host"
fi
start_jvm

show "0/5  A JVM has started (-Xmx192m), $where."
sleep "$pause"
step "1/5  + 64 MiB of arrays in the Java heap: see heap." heap 64
step "2/5  + 50 threads that each used 512 KiB of stack, about 30 MiB with the overhead of threads: see threads." threads 50 512 demo
step "3/5  + 48 MiB of direct buffers: see native, direct_buffers." direct 48
step "4/5  + 2000 classes, each with its own class loader, about 12 MiB in total: see metaspace." classes 2000
step "5/5  + 64 MiB of a file written and read: see page_cache, which is reclaimable." pagecache "$work/file" 64

live=yes
if [[ -z $tty ]]; then
	echo "Done. In each table the rows and unattributed add up to the usage of the cgroup."
	exit 0
fi
while kill -0 "$pid" 2>/dev/null; do
	show "Updated every 2 s, $where. Ctrl-C stops the JVM and cleans up."
	sleep 2
done
fail "the JVM has ended"
