package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
)

// Exec runs a command in a container, as kubectl exec does, and copies its output. The
// error of a command that ran and failed is a k8s.io/client-go/util/exec.ExitError.
func (c *Client) Exec(ctx context.Context, pod, container string, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
	options := &corev1.PodExecOptions{Container: container, Command: command, Stdin: stdin != nil, Stdout: true, Stderr: true}
	target := c.pod(pod, "exec").VersionedParams(options, scheme.ParameterCodec).URL()
	socket, err := remotecommand.NewWebSocketExecutor(c.Config, http.MethodGet, target.String())
	if err != nil {
		return err
	}
	old, err := remotecommand.NewSPDYExecutor(c.Config, http.MethodPost, target)
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewFallbackExecutor(socket, old, needsSPDY)
	if err != nil {
		return err
	}
	return executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout, Stderr: stderr})
}

// Forward forwards a port of this machine's loopback address to a port of a pod until ctx
// ends. ready is called with the local port; local 0 selects a free one.
func (c *Client) Forward(ctx context.Context, pod string, local, remote int, ready func(port uint16), stderr io.Writer) error {
	dialer, err := c.forwardDialer(c.pod(pod, "portforward").URL())
	if err != nil {
		return err
	}
	isReady := make(chan struct{})
	ports := []string{fmt.Sprintf("%d:%d", local, remote)}
	forwarder, err := portforward.NewOnAddressesWithContext(ctx, dialer, []string{"127.0.0.1"}, ports, isReady, nil, stderr)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case err := <-ended:
		return err
	case <-isReady:
	}
	forwarded, err := forwarder.GetPorts()
	if err != nil {
		return err
	}
	ready(forwarded[0].Local)
	return <-ended
}

func (c *Client) forwardDialer(target *url.URL) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(c.Config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	socket, err := portforward.NewSPDYOverWebsocketDialer(target, c.Config)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialer(socket, old, needsSPDY), nil
}

// needsSPDY is for API servers, and proxies in front of them, without WebSocket. A refusal
// is repeated by SPDY, whose error has the status.
func needsSPDY(err error) bool {
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}

func (c *Client) pod(name, subresource string) *rest.Request {
	return c.CoreV1().RESTClient().Post().Namespace(c.Namespace).Resource("pods").Name(name).SubResource(subresource)
}
