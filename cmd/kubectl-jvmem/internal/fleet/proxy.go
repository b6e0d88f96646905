package fleet

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// maxProblem bounds a reply that says what failed.
const maxProblem = 64 << 10

// Proxy sends requests to sidecars through the API server. It is plain HTTP with the
// transport of client-go, whose own requests are limited to 5 a second and read replies
// of any size.
type Proxy struct {
	client *http.Client
	base   *url.URL
}

// NewProxy returns a Proxy for a cluster.
func NewProxy(config *rest.Config) (*Proxy, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	only := *client // the client may be http.DefaultClient
	only.CheckRedirect = NoRedirect
	return &Proxy{&only, base}, nil
}

// NoRedirect is for the client of a pod. The API server passes redirects on, and the transport of
// client-go sends the token of the user wherever they lead.
func NoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// reply is the body of a reply and the sidecar's clock, zero if it did not say.
type reply struct {
	body []byte
	at   time.Time
}

// get requests a path of a sidecar, of at most so many bytes. A sidecar that serves TLS
// without saying so in its probes is asked again.
func (p *Proxy) get(ctx context.Context, t *Target, path string, query url.Values, most int64) (reply, *Problem) {
	r, problem := p.once(ctx, t, t.Scheme, path, query, most)
	if problem != nil && t.Scheme == "http" && strings.Contains(problem.Detail, "HTTP request to an HTTPS server") {
		return p.once(ctx, t, "https", path, query, most)
	}
	return r, problem
}

func (p *Proxy) once(ctx context.Context, t *Target, scheme, path string, query url.Values, most int64) (reply, *Problem) {
	prefix := ""
	if scheme == "https" {
		prefix = "https:" // the API server does not verify the certificate
	}
	target := p.base.JoinPath("api/v1/namespaces", t.Pod.Namespace, "pods", fmt.Sprintf("%s%s:%d", prefix, t.Pod.Name, t.Port), "proxy", path)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return reply{}, &Problem{Reason: Unreachable, Detail: err.Error()}
	}
	request.Header.Set("Accept", "application/json")
	response, err := p.client.Do(request)
	if err != nil {
		return reply{}, requestProblem(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem)) // what arrived explains enough
		return reply{}, statusProblem(response.StatusCode, body)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, most))
	if err != nil {
		return reply{}, requestProblem(err)
	}
	at, _ := http.ParseTime(response.Header.Get("Date")) // zero if it has none
	return reply{body, at}, nil
}
