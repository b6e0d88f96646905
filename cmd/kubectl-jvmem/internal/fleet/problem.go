package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Problem is why a pod could not be asked.
type Problem struct {
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
	Fix    string `json:"fix,omitempty"`
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Reason
	}
	return p.Reason + ": " + p.Detail
}

// The reasons.
const (
	Forbidden   = "forbidden"
	Timeout     = "timeout"
	Refused     = "connection refused"
	TLS         = "TLS error"
	Password    = "password required"
	Older       = "older version"
	Starting    = "starting"
	NoJVM       = "no JVM"
	NotRunning  = "sidecar not running"
	Gone        = "pod is gone"
	Unreachable = "unreachable"
	BadReply    = "unexpected reply"
)

const (
	fixForbidden = `you need this rule in a Role or ClusterRole:
  - apiGroups: [""]
    resources: ["pods/proxy"]
    verbs: ["get"]`
	fixPassword = "the API server's proxy passes no password on; ask one pod at a time: " +
		"JVMEM_PASSWORD=… kubectl jvmem breakdown POD --web-user USER"
	fixTimeout = "look for a NetworkPolicy that keeps the API server from the sidecar's port, and at the node; --pod-timeout allows more time"
	fixTLS     = "the API server's proxy sends no client certificate; use kubectl port-forward and curl --cert"
	fixRefused = "see kubectl logs POD -c jvmem"
	fixOlder   = "update the sidecar's image"
)

// statusProblem explains a reply that is not 200: of the API server (a Status), or of
// whatever answers at the port.
func statusProblem(code int, body []byte) *Problem {
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Kind == "Status" {
		return proxyProblem(code, &status)
	}
	text := line(body)
	switch {
	case code == http.StatusUnauthorized:
		return &Problem{Password, "", fixPassword}
	case code == http.StatusServiceUnavailable && strings.HasPrefix(text, "no sample yet"):
		return &Problem{Starting, text, ""}
	case code == http.StatusNotFound:
		return &Problem{Older, "the sidecar does not serve this path", fixOlder}
	}
	return &Problem{BadReply, fmt.Sprintf("%d %s", code, text), ""}
}

// proxyProblem explains what the API server itself answers.
func proxyProblem(code int, status *metav1.Status) *Problem {
	text := Printable(status.Message, 4*maxLine) // a pod can reply like an API server
	switch {
	case code == http.StatusForbidden:
		return &Problem{Forbidden, text, fixForbidden}
	case code == http.StatusUnauthorized:
		return &Problem{Forbidden, text, "log in to the cluster again"}
	case code == http.StatusNotFound:
		return &Problem{Gone, text, ""}
	case contains(text, "connection refused"):
		return &Problem{Refused, text, fixRefused}
	case contains(text, "tls:", "x509:"):
		return &Problem{TLS, text, fixTLS}
	case contains(text, "i/o timeout", "deadline exceeded", "Timeout"), code == http.StatusGatewayTimeout:
		return &Problem{Timeout, text, fixTimeout}
	}
	return &Problem{Unreachable, text, ""}
}

// requestProblem explains a request without a reply.
func requestProblem(err error) *Problem {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Problem{Timeout, "no reply in time", fixTimeout}
	case errors.As(err, &tooLarge):
		return &Problem{BadReply, fmt.Sprintf("larger than %d KiB", tooLarge.Limit>>10), ""}
	}
	return &Problem{Unreachable, Printable(err.Error(), 4*maxLine), ""}
}

func contains(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// maxLine bounds what is shown of a reply that nobody expected.
const maxLine = 120

// line returns the first line of a reply, without what a terminal would obey.
func line(body []byte) string {
	text, _, _ := strings.Cut(strings.TrimSpace(string(body[:min(len(body), 4*maxLine)])), "\n")
	return Printable(text, maxLine)
}
