package sidecar

import (
	"encoding/json"
	"strings"
	"testing"
)

// document returns a breakdown with all fields of the contract.
func document(t *testing.T) string {
	t.Helper()
	var memory []map[string]any
	for _, name := range RowNames() {
		memory = append(memory, map[string]any{"name": name, "bytes": nil})
	}
	container := map[string]any{
		"memory": memory, "sources": []any{map[string]any{"name": "attach", "ok": true}}, "cgroup_version": 2,
		"jvms": []any{map[string]any{"pid": 1, "uptime_seconds": nil, "threads": map[string]any{
			"live": 1, "pools": []any{map[string]any{"name": "main", "count": 1, "stack_bytes": nil}},
		}}},
	}
	for _, name := range []string{"limit", "usage", "working_set", "rss", "reclaimable", "headroom", "unattributed"} {
		container[name+"_bytes"] = nil
	}
	container["oom_kills"] = 0
	text, err := json.Marshal(map[string]any{
		"schema": "jvmem.breakdown/v1", "time": "2026-11-28T19:00:00Z", "containers": []any{container},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestParseBreakdown(t *testing.T) {
	valid := document(t)
	b, err := ParseBreakdown([]byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	if c := b.Only(t); len(c.Unknown()) != len(RowNames()) || c.Row("heap").Bytes != nil || c.Row("none").Part("none").Bytes != nil {
		t.Errorf("%v", c)
	}
	for _, test := range []struct{ from, to, want string }{
		{`"oom_kills"`, `"kills"`, "container.oom_kills"},
		{`"stack_bytes"`, `"stack"`, "pool.stack_bytes"},
		{`"uptime_seconds"`, `"uptime"`, "jvm.uptime_seconds"},
		{`"name":"heap"`, `"name":"metaspace"`, "rows"},
		{`breakdown/v1`, `breakdown/v2`, "schema"},
		{`{"`, `{`, "invalid"},
	} {
		if _, err := ParseBreakdown([]byte(strings.Replace(valid, test.from, test.to, 1))); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s instead of %s: %v, want an error with %q", test.to, test.from, err, test.want)
		}
	}
}
