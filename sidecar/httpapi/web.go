package httpapi

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/bcrypt"
)

const (
	// maxConfigBytes is far above a configuration with some users.
	maxConfigBytes = 64 << 10
	// maxCost bounds the cost of one bcrypt comparison: 14 takes about a second.
	maxCost = 14
	// reread is how often the files are read again: certificates are renewed in place.
	reread = time.Minute
)

// webConfig is the file of --web.config.file: the part of the web configuration of
// Prometheus exporters (github.com/prometheus/exporter-toolkit, docs/web-configuration.md)
// that jvmem supports. jvmem does not use that package: it adds 2.7 MB, registers
// handlers of its own, and cannot exempt the probes.
type webConfig struct {
	TLS *struct {
		Cert       string `yaml:"cert_file"`
		Key        string `yaml:"key_file"`
		ClientAuth string `yaml:"client_auth_type"`
		ClientCA   string `yaml:"client_ca_file"`
		MinVersion string `yaml:"min_version"`
	} `yaml:"tls_server_config"`
	Users map[string]string `yaml:"basic_auth_users"`
}

// Web secures requests with TLS and basic authentication. nil: plain HTTP for everybody.
type Web struct {
	path string
	warn func(text string)
	auth authCache

	mu     sync.Mutex
	read   time.Time
	warned string // the last warning
	security
}

// security is the content of the files.
type security struct {
	tls   *tls.Config       // nil: plain HTTP
	users map[string][]byte // bcrypt hashes by user; none: everybody has access
}

// OpenWeb reads a web configuration file and the files that it names. They are read
// again every minute, so new certificates and users take effect. If they cannot be read,
// the earlier ones stay in effect, and warn is called once.
func OpenWeb(path string, warn func(text string)) (*Web, error) {
	s, err := readWeb(path)
	if err != nil {
		return nil, fmt.Errorf("web configuration %s: %w", path, err)
	}
	return &Web{path: path, warn: warn, security: s, read: time.Now()}, nil
}

func readWeb(path string) (s security, err error) {
	file, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfigBytes))
	if err != nil {
		return s, err
	}
	var c webConfig
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true) // a setting that has no effect must not go unnoticed
	if err := decoder.Decode(&c); err != nil {
		return s, fmt.Errorf("%w; supported are tls_server_config (cert_file, key_file, client_auth_type, client_ca_file, min_version) and basic_auth_users", err)
	}
	s.users = make(map[string][]byte)
	for user, hash := range c.Users {
		if cost, err := bcrypt.Cost([]byte(hash)); err != nil || cost > maxCost {
			return s, fmt.Errorf("basic_auth_users: the password of %q is not a bcrypt hash of cost %d or less: make one with htpasswd -nBC 10 %s", user, maxCost, user)
		}
		s.users[user] = []byte(hash)
	}
	if c.TLS != nil {
		s.tls, err = c.tls(filepath.Dir(path))
	}
	if s.tls == nil && len(s.users) == 0 && err == nil {
		err = errors.New("it sets neither tls_server_config nor basic_auth_users")
	}
	return s, err
}

// tls returns the TLS configuration. File names are relative to dir.
func (c *webConfig) tls(dir string) (*tls.Config, error) {
	file := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	pair, err := tls.LoadX509KeyPair(file(c.TLS.Cert), file(c.TLS.Key))
	if err != nil {
		return nil, fmt.Errorf("tls_server_config: cert_file and key_file: %w", err)
	}
	version, ok := map[string]uint16{"TLS12": tls.VersionTLS12, "TLS13": tls.VersionTLS13}[cmp.Or(c.TLS.MinVersion, "TLS12")]
	if !ok {
		return nil, fmt.Errorf("tls_server_config: min_version %q: use TLS12 or TLS13", c.TLS.MinVersion)
	}
	// HTTP/1.1 only: with it the number of connections bounds that of requests.
	out := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: version, NextProtos: []string{"http/1.1"}}
	switch c.TLS.ClientAuth {
	case "", "NoClientCert":
		if c.TLS.ClientCA != "" {
			return nil, errors.New("tls_server_config: client_ca_file without client_auth_type: RequireAndVerifyClientCert")
		}
		return out, nil
	case "RequireAndVerifyClientCert":
		out.ClientAuth = tls.RequireAndVerifyClientCert
	case "VerifyClientCertIfGiven":
		out.ClientAuth = tls.VerifyClientCertIfGiven
	default:
		return nil, fmt.Errorf("tls_server_config: client_auth_type %q: use NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert", c.TLS.ClientAuth)
	}
	authorities, err := os.ReadFile(file(c.TLS.ClientCA))
	if err != nil {
		return nil, fmt.Errorf("tls_server_config: client_ca_file: %w", err)
	}
	out.ClientCAs = x509.NewCertPool()
	if !out.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("tls_server_config: client_ca_file %s holds no certificate", c.TLS.ClientCA)
	}
	return out, nil
}

// current returns the settings in effect.
func (w *Web) current() security {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.read) > reread {
		w.read = time.Now()
		s, err := readWeb(w.path)
		if err == nil && (s.tls == nil) != (w.tls == nil) {
			err = errors.New("enabling or disabling TLS requires a restart") // the listener is made once
		}
		text := ""
		if err == nil {
			w.security = s
		} else {
			text = fmt.Sprintf("web configuration %s: %v; the previous configuration remains in effect", w.path, err)
		}
		if text != w.warned && text != "" {
			w.warn(text)
		}
		w.warned = text
	}
	return w.security
}

// listener adds TLS, if it is configured.
func (w *Web) listener(l net.Listener) net.Listener {
	if w == nil || w.current().tls == nil {
		return l
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return w.current().tls, nil },
	})
}

// handler requires basic authentication if users are configured. The probes are exempt:
// the kubelet has no password.
func (w *Web) handler(next http.Handler) http.Handler {
	if w == nil {
		return next
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		users := w.current().users
		if len(users) > 0 && !isProbe(r) {
			user, password, ok := r.BasicAuth()
			from, _, _ := net.SplitHostPort(r.RemoteAddr) // net/http sets it
			if !ok || !w.auth.check(r.Context(), from, users, user, password) {
				rw.Header().Set("WWW-Authenticate", `Basic realm="jvmem", charset="UTF-8"`)
				writeText(rw, http.StatusUnauthorized, "authentication required: use a user and password from the --web.config.file\n")
				return
			}
		}
		next.ServeHTTP(rw, r)
	})
}
