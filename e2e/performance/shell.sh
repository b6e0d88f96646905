#!/bin/sh
# The usual approach without a tool: shell.sh PID CGROUP-FOLDER
set -e
awk '/^Pss:/ { pss += $2 } /^Private_Dirty:/ { dirty += $2 } END { print "pss", pss, "dirty", dirty }' "/proc/$1/smaps"
grep -E '^(VmRSS|RssAnon|Threads):' "/proc/$1/status"
for file in memory.usage_in_bytes memory.limit_in_bytes memory.current memory.max memory.stat; do
	if [ -e "$2/$file" ]; then cat "$2/$file"; fi
done
ls "/proc/$1/task" | wc -l
cat "/proc/$1"/task/*/comm | sed 's/[0-9]*$//' | sort | uniq -c | sort -rn
