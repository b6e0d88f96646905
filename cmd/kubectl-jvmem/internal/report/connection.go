package report

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
)

const (
	// requestTimeout exceeds the longest time that the sidecar takes.
	requestTimeout = 20 * time.Second
	maxBytes       = 64 << 20
	// maxErrorBytes bounds the part of an error response that is shown.
	maxErrorBytes = 1 << 10
)

// connection is the way to jvmem in a pod. It may break, and is then made again.
type connection struct {
	client         *kube.Client
	pod            string
	local, remote  int
	user, password string

	forwarding *kube.Forwarding
	http       *http.Client
	scheme     string // https, until the sidecar answers that it uses plain HTTP
}

func (c *connection) open(ctx context.Context) error {
	forwarding, err := c.client.Forward(ctx, c.pod, c.local, c.remote)
	if err != nil {
		return c.client.Explain(ctx, err, needed()...)
	}
	c.forwarding = forwarding
	return nil
}

// newClient does not verify certificates: they are issued for the pod's own name, and the API
// server has identified the pod.
func newClient() *http.Client {
	return &http.Client{Timeout: requestTimeout, CheckRedirect: fleet.NoRedirect, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}}
}

func (c *connection) close() {
	if c.forwarding != nil {
		c.forwarding.Close()
	}
}

// statusError is a response that is not 200.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.code, http.StatusText(e.code), e.text)
}

// get returns the response to a request.
func (c *connection) get(ctx context.Context, path string) ([]byte, error) {
	body, err := c.send(ctx, path)
	if status := new(statusError); err == nil || errors.As(err, &status) || ctx.Err() != nil {
		return body, err
	}
	first := c.forwarding.Explain(err)
	c.close() // a load balancer before the API server ends connections
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(first, err)
	}
	body, err = c.send(ctx, path)
	if status := new(statusError); err != nil && !errors.As(err, &status) {
		err = fmt.Errorf("port %d of pod %s does not answer: %w", c.remote, c.pod, c.forwarding.Explain(err))
	}
	return body, err
}

func (c *connection) send(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url()+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	if c.user != "" {
		r.SetBasicAuth(c.user, c.password)
	}
	response, err := c.http.Do(r)
	if errors.Is(err, http.ErrSchemeMismatch) && c.scheme == "https" {
		c.scheme = "http"
		return c.send(ctx, path)
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBytes)) // what could be read is shown
		return nil, explainStatus(&statusError{response.StatusCode, strings.TrimSpace(string(text))}, path)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxBytes))
}

func explainStatus(err *statusError, path string) error {
	switch err.code {
	case http.StatusUnauthorized:
		return fmt.Errorf("the sidecar requires a valid user and password: set --web-user and %s: %w", passwordVariable, err)
	case http.StatusNotFound:
		return fmt.Errorf("the sidecar is older than this plugin, it has no %s: %w", path, err)
	}
	return err
}

func (c *connection) url() string {
	return c.scheme + "://127.0.0.1:" + strconv.Itoa(int(c.forwarding.Port))
}

// decode requests a report and decodes some of its fields.
func (c *connection) decode(ctx context.Context, path string, into any) error {
	body, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s of the sidecar: %w", path, err)
	}
	return nil
}
