package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/jvmem/jvmem/sidecar"
)

const getUsage = `Print what the running sidecar reports: breakdown, diagnosis, owners, sizing, oom or history.

  jvmem get diagnosis
  jvmem get oom --format json
  kubectl exec my-pod -c jvmem -- /jvmem get diagnosis
  kubectl exec my-pod -c jvmem -- /jvmem get history > history.json

The history is always JSON. A sidecar that serves TLS is queried over HTTPS, and its
certificate is not verified. If it requires a password, set --user and pass the
password on standard input:

  kubectl exec -i my-pod -c jvmem -- /jvmem get oom --user prometheus < password

Exit code: 0; 1 error.
`

const (
	// getTimeout exceeds the longest time that the server takes: it may wait 5 s for other
	// large responses, and then has 10 s to write.
	getTimeout = 20 * time.Second
	// maxErrorBytes bounds the part of an error response that is shown, maxTextBytes that of a text.
	maxErrorBytes = 1 << 10
	maxTextBytes  = 8 << 20
)

// reports returns what can be printed.
func reports() []string {
	return []string{"breakdown", "diagnosis", "owners", "sizing", "oom", "history"}
}

type getOptions struct{ listen, format, user string }

func (o *getOptions) define(flags *pflag.FlagSet) {
	flags.StringVar(&o.listen, "listen", ":9753", "address that the sidecar listens on, as in jvmem serve")
	formatFlag(flags, &o.format)
	flags.StringVar(&o.user, "user", "", "user for basic auth; the password is read from standard input")
}

// get prints a report of the running sidecar. There is no curl in the image.
func get(ctx context.Context, e environment, args []string) (int, error) {
	report := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		report, args = args[0], args[1:]
	}
	var o getOptions
	flags := newFlags(getUsage, e.stdout)
	o.define(flags)
	if err := parse(flags, args, e.getenv); err != nil {
		return exitError, err
	}
	if err := o.check(flags); err != nil {
		return exitError, err
	}
	if !slices.Contains(reports(), report) {
		return exitError, fmt.Errorf("report %q: must be one of %s", report, strings.Join(reports(), ", "))
	}
	return exitOK, o.print(ctx, report, url.Values{}, e)
}

// check checks the options after they were parsed.
func (o *getOptions) check(flags *pflag.FlagSet) error {
	if o.user == sidecar.UserJVM && !flags.Changed("user") {
		o.user = "" // JVMEM_USER=jvm of the container is meant for jvmem serve
	}
	return checkFormat(o.format)
}

// print requests a report and copies it.
func (o *getOptions) print(ctx context.Context, report string, query url.Values, e environment) error {
	address, err := localAddress(o.listen)
	if err != nil {
		return fmt.Errorf("--listen %q: %w", o.listen, err)
	}
	request := url.URL{Scheme: "https", Host: address, Path: "/" + report}
	if report != "history" {
		query.Set("format", o.format)
		request.RawQuery = query.Encode()
	}
	if o.user != "" {
		password, err := bufio.NewReader(e.stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the password from standard input: %w", err)
		}
		request.User = url.UserPassword(o.user, strings.TrimRight(password, "\r\n"))
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	response, err := fetch(ctx, request)
	if isPlain(err) {
		request.Scheme = "http"
		response, err = fetch(ctx, request)
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return copyReport(response, report != "history" && o.format == "text", e.stdout)
}

// localAddress returns where to connect to a server of this pod that listens on listen.
func localAddress(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// fetch sends one request, without http.Client, which would add 0.4 MB to the binary. It
// never follows a redirect: no other host is contacted.
func fetch(ctx context.Context, u url.URL) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Close = true
	if u.User != nil {
		password, _ := u.User.Password() // always set
		r.SetBasicAuth(u.User.Username(), password)
	}
	response, err := exchange(ctx, r)
	var remote *net.OpError // an alert by TLS
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w\n  fix: start jvmem serve, or set --listen (JVMEM_LISTEN) to the address it listens on", err)
	case errors.As(err, &remote) && remote.Op == "remote error":
		return nil, fmt.Errorf("%w\n  fix: if the sidecar requires a client certificate, use kubectl port-forward and curl --cert", err)
	}
	return response, err
}

// exchange connects, writes a request and reads the response. Closing its body closes the
// connection.
func exchange(ctx context.Context, r *http.Request) (*http.Response, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.URL.Host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends reads and writes
	stream := conn
	if r.URL.Scheme == "https" {
		// The certificate is issued for the pod's own name, not for the loopback address.
		stream = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	}
	var response *http.Response
	if err = r.Write(stream); err == nil {
		response, err = http.ReadResponse(bufio.NewReader(stream), r)
	}
	if err != nil {
		stop()
		_ = conn.Close() // the first error counts
		return nil, errors.Join(err, ctx.Err())
	}
	response.Body = body{response.Body, conn, stop}
	return response, nil
}

// body is a response body that ends its connection.
type body struct {
	io.ReadCloser
	conn net.Conn
	stop func() bool
}

func (b body) Close() error {
	b.stop()
	return errors.Join(b.ReadCloser.Close(), b.conn.Close())
}

// isPlain reports whether a TLS error means that the server uses plain HTTP.
func isPlain(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header) && string(header.RecordHeader[:]) == "HTTP/"
}

// copyReport writes the body, or returns the server's error message as an error. The observed
// container may have occupied the port: a text must not act on the terminal.
func copyReport(response *http.Response, text bool, stdout io.Writer) error {
	if response.StatusCode == http.StatusUnauthorized {
		return errors.New("the sidecar requires a valid user and password\n  fix: set --user, and pass the password on standard input (kubectl exec -i)")
	}
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBytes)) // what could be read is shown
		return errors.New(printable(response.Status + ": " + strings.TrimSpace(string(body))))
	}
	if !text {
		if _, err := io.Copy(stdout, response.Body); err != nil {
			return fmt.Errorf("read the response: %w", err)
		}
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTextBytes))
	if err != nil {
		return fmt.Errorf("read the response: %w", err)
	}
	_, err = io.WriteString(stdout, printable(string(body)))
	return err
}

// printable returns a text of several lines without what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			return '?'
		}
		return r
	}, text)
}
