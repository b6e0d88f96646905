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
	// maxCost bounds what one login costs: 14 takes about a second.
	maxCost = 14
	// reread is how old what was read may be: certificates are renewed in place.
	reread = time.Minute
)

// webConfig is the file of --web.config.file: of the web configuration of Prometheus'
// exporters (github.com/prometheus/exporter-toolkit, docs/web-configuration.md) what
// jvmem knows. That package itself is not used: it brings 2.7 MB, registers handlers
// of its own, and cannot leave out the probes.
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

// Web is how requests are secured. A nil one: plain HTTP, for everybody.
type Web struct {
	path string
	warn func(text string)
	auth authCache

	mu   sync.Mutex
	read time.Time
	told string // the last warning
	security
}

// security is what was read of the files.
type security struct {
	tls   *tls.Config       // nil: plain HTTP
	users map[string][]byte // bcrypt of the passwords; none: for everybody
}

// OpenWeb reads a web configuration file, and the files that it names. They are read
// again while they are used: new certificates and users count after a minute, and
// where they cannot be read, the ones before; warn is told so once.
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
	decoder.KnownFields(true) // who asks for more security than there is has to know
	if err := decoder.Decode(&c); err != nil {
		return s, fmt.Errorf("%w; known are tls_server_config (cert_file, key_file, client_auth_type, client_ca_file, min_version) and basic_auth_users", err)
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

// tls makes the configuration of TLS. Names of files are relative to dir.
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
		return nil, fmt.Errorf("tls_server_config: min_version %q: TLS12 or TLS13", c.TLS.MinVersion)
	}
	// HTTP/1.1 only: with it the connections bound the requests.
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
		return nil, fmt.Errorf("tls_server_config: client_auth_type %q: NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert", c.TLS.ClientAuth)
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

// current returns what counts now.
func (w *Web) current() security {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.read) > reread {
		w.read = time.Now()
		s, err := readWeb(w.path)
		if err == nil && (s.tls == nil) != (w.tls == nil) {
			err = errors.New("TLS is put on or off by a restart only") // the listener is made once
		}
		text := ""
		if err == nil {
			w.security = s
		} else {
			text = fmt.Sprintf("web configuration %s: %v; what was read before is used", w.path, err)
		}
		if text != w.told && text != "" {
			w.warn(text)
		}
		w.told = text
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

// handler lets only known users pass. The probes are for everybody: the kubelet has
// no password, and they tell nothing of the JVM.
func (w *Web) handler(next http.Handler) http.Handler {
	if w == nil {
		return next
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		users := w.current().users
		if len(users) > 0 && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			user, password, ok := r.BasicAuth()
			from, _, _ := net.SplitHostPort(r.RemoteAddr) // net/http sets it
			if !ok || !w.auth.check(r.Context(), from, users, user, password) {
				rw.Header().Set("WWW-Authenticate", `Basic realm="jvmem", charset="UTF-8"`)
				writeText(rw, http.StatusUnauthorized, "a user and a password of the file of --web.config.file are needed\n")
				return
			}
		}
		next.ServeHTTP(rw, r)
	})
}
