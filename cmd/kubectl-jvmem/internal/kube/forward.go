package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
)

// Forwarding is a port of this machine's loopback address that leads to a port of a pod.
type Forwarding struct {
	Port   uint16
	stop   context.CancelFunc
	ended  chan error
	broken atomic.Value // why the last connection failed, a string
}

// Forward forwards a local port to a port of a pod, as kubectl port-forward does; local 0
// selects a free one. It goes through the API server and the kubelet into the network
// namespace of the pod, so it reaches a server that listens on the loopback address, and no
// NetworkPolicy applies.
func (c *Client) Forward(ctx context.Context, pod string, local, remote int) (*Forwarding, error) {
	dialer, err := c.dialer(pod)
	if err != nil {
		return nil, err
	}
	f := &Forwarding{ended: make(chan error, 1)}
	ctx, f.stop = context.WithCancel(klog.NewContext(ctx, logr.New(&lastError{&f.broken})))
	ready := make(chan struct{})
	ports := []string{strconv.Itoa(local) + ":" + strconv.Itoa(remote)}
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(ctx, dialer, []string{"127.0.0.1"}, ports, ready, io.Discard, io.Discard)
	if err != nil {
		f.stop()
		return nil, err
	}
	go func() { f.ended <- forwarder.ForwardPorts() }()
	select {
	case err := <-f.ended:
		f.stop()
		if err == nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("forward a port to the pod: %w", err)
	case <-ready:
	}
	forwarded, err := forwarder.GetPorts()
	if err != nil {
		f.stop()
		return nil, err
	}
	f.Port = forwarded[0].Local
	return f, nil
}

// Wait returns when the connection to the pod ends, or nil when its context does.
func (f *Forwarding) Wait() error { return <-f.ended }

// Close ends the forwarding.
func (f *Forwarding) Close() { f.stop() }

// Explain returns why the connection to the pod failed, instead of what a client saw of it.
func (f *Forwarding) Explain(err error) error {
	if text, ok := f.broken.Load().(string); ok {
		return errors.New(text)
	}
	return err
}

// lastError is a log that keeps the last error. The forwarder only logs why a connection
// failed.
type lastError struct{ text *atomic.Value }

func (l *lastError) Init(logr.RuntimeInfo)               {}
func (l *lastError) Enabled(int) bool                    { return false }
func (l *lastError) Info(int, string, ...any)            {}
func (l *lastError) Error(err error, _ string, _ ...any) { l.text.Store(err.Error()) }
func (l *lastError) WithValues(...any) logr.LogSink      { return l }
func (l *lastError) WithName(string) logr.LogSink        { return l }

func (c *Client) dialer(pod string) (httpstream.Dialer, error) {
	target := c.CoreV1().RESTClient().Post().Namespace(c.Namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(c.Config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	socket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(target, c.Config)
	if err != nil {
		return nil, err
	}
	// For API servers, and proxies in front of them, without WebSocket. A refusal is repeated
	// by SPDY, whose error has the reason.
	return portforward.NewFallbackDialerForStreaming(socket, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
