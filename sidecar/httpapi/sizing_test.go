package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

func TestSizing(t *testing.T) {
	h := Handler(observed(t), maxAge)
	for target, want := range map[string]string{
		"/sizing":                `"schema": "jvmem.sizing/v1"`,
		"/sizing?format=text":    "container app: recommended limit 448.0 MiB with -Xmx256m",
		"/sizing?limit=512Mi":    `"max_heap_bytes": 268435456`,
		"/sizing?limit=-1":       "",
		"/sizing?limit=1e99":     "",
		"/sizing?limit=NaN":      "",
		"/sizing?limit=512Bytes": "",
	} {
		code := http.StatusOK
		if want == "" {
			code, want = http.StatusBadRequest, "must be a size as in Kubernetes"
		}
		if r := get(t, h, http.MethodGet, target, ""); r.Code != code || !strings.Contains(r.Body.String(), want) {
			t.Errorf("%s: %d, want %d and %s in\n%s", target, r.Code, code, want, r.Body)
		}
	}
	if r := get(t, Handler(new(State), maxAge), http.MethodGet, "/sizing", ""); r.Code != http.StatusServiceUnavailable {
		t.Errorf("without a sample: %d", r.Code)
	}
}
