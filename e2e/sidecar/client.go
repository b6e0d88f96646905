package sidecar

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

const (
	// requestTimeout limits one request.
	requestTimeout = 30 * time.Second
	// pollInterval is the time between two requests while waiting.
	pollInterval = 50 * time.Millisecond
	// sampleTimeout limits the time until a new sample.
	sampleTimeout = 90 * time.Second
)

// Client queries a running jvmem. Its methods may be called concurrently.
type Client struct {
	t       *testing.T
	Address string
	URL     string
	http    *http.Client
}

// NewClient returns a client of the jvmem that listens on an address, now or later.
func NewClient(t *testing.T, address string) *Client {
	return NewClientIn(t, nil, address)
}

// NewClientIn is NewClient with a function that connects, in another network.
func NewClientIn(t *testing.T, dial func(ctx context.Context, network, address string) (net.Conn, error), address string) *Client {
	// An idle connection would be two goroutines of the server, which a test may count.
	client := &http.Client{Timeout: requestTimeout, Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}
	return &Client{t: t, Address: address, URL: "http://" + address, http: client}
}

// Get returns the body of a response. A status other than 200 is an error.
func (c *Client) Get(path string) ([]byte, error) {
	response, err := c.http.Get(c.URL + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.1000s", path, response.Status, body)
	}
	return body, err
}

// AwaitReady returns when the first sample was taken, and fails the test if that takes
// too long or the process has exited; a nil channel: that is not known.
func (c *Client) AwaitReady(exited <-chan struct{}) {
	c.t.Helper()
	for end := time.Now().Add(readyTimeout); ; time.Sleep(pollInterval) {
		_, err := c.Get("/readyz")
		if err == nil {
			return
		}
		select {
		case <-exited:
			c.t.Fatalf("jvmem exited before it was ready: %v", err)
		default:
		}
		if time.Now().After(end) {
			c.t.Fatalf("jvmem is not ready within %v: %v", readyTimeout, err)
		}
	}
}

// Breakdown returns the latest sample, after checking that it has all fields of the contract.
func (c *Client) Breakdown() (*Breakdown, error) {
	body, err := c.Get("/breakdown")
	if err != nil {
		return nil, err
	}
	return ParseBreakdown(body)
}

// NextBreakdown returns a report whose containers were all read after the call.
func (c *Client) NextBreakdown() *Breakdown {
	c.t.Helper()
	return c.AwaitBreakdown("a report of what is now", func(*Breakdown) bool { return true })
}

// AwaitBreakdown returns the first report that is as wanted and whose containers were all
// read after the call.
func (c *Client) AwaitBreakdown(what string, wanted func(*Breakdown) bool) *Breakdown {
	c.t.Helper()
	begun := time.Now()
	read := make(readings)
	return c.await(what, begun, func(b *Breakdown) bool { return b.Time.After(begun) && read.all(b) && wanted(b) })
}

// readings has, by container, the reports for which it was read, since a moment.
type readings map[string][]time.Time

// all reports whether every container of a later report was read since that moment. A
// report that has a reading which was late does not say when that began: only the next
// one of the same container began later for sure.
func (r readings) all(b *Breakdown) bool {
	all := true
	for i := range b.Containers {
		c := &b.Containers[i]
		if at := r[c.ID]; c.ReadAt == nil && (len(at) == 0 || at[len(at)-1] != b.Time) {
			r[c.ID] = append(at, b.Time)
		}
		all = all && (b.SampleSeconds != nil && c.ReadAt == nil || len(r[c.ID]) > 1)
	}
	return all
}

func (c *Client) await(what string, begun time.Time, wanted func(*Breakdown) bool) *Breakdown {
	c.t.Helper()
	for ; ; time.Sleep(pollInterval) {
		b, err := c.Breakdown()
		if err != nil {
			c.t.Fatal(err)
		}
		if wanted(b) {
			return b
		}
		if time.Since(begun) > sampleTimeout {
			c.t.Fatalf("%s: not within %v: %+v", what, sampleTimeout, b)
		}
	}
}

// Diagnosis returns the verdicts.
func (c *Client) Diagnosis() (*DiagnosisReport, error) {
	return query[DiagnosisReport](c, "/diagnosis", "jvmem.diagnosis/v1")
}

// History returns the recorded series: all, or those that a query such as
// "since=1h&step=1m" selects.
func (c *Client) History(selection string) (*History, error) {
	path := "/history"
	if selection != "" {
		path += "?" + selection
	}
	return query[History](c, path, "jvmem.history/v1")
}

// Autopsies returns the autopsies, the latest first.
func (c *Client) Autopsies() ([]Autopsy, error) {
	r, err := query[autopsies](c, "/oom", "jvmem.oom/v1")
	if err != nil {
		return nil, err
	}
	return r.Autopsies, nil
}

// Metrics returns the exposition in text format.
func (c *Client) Metrics() (string, error) {
	body, err := c.Get("/metrics")
	return string(body), err
}

// query decodes a response and checks its schema.
func query[T any](c *Client, path, schema string) (*T, error) {
	body, err := c.Get(path)
	if err != nil {
		return nil, err
	}
	var response T
	var head struct {
		Schema string `json:"schema"`
	}
	for _, to := range []any{&response, &head} {
		if err := json.Unmarshal(body, to); err != nil {
			return nil, fmt.Errorf("GET %s: %w: %.200s", path, err, body)
		}
	}
	if head.Schema != schema {
		return nil, fmt.Errorf("GET %s: schema %q, want %q", path, head.Schema, schema)
	}
	return &response, nil
}
