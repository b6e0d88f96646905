package httpapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// makeCertificate writes cert.pem and key.pem for localhost, self-signed.
func makeCertificate(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "jvmem test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		writeFile(t, filepath.Join(dir, name), string(pem.EncodeToMemory(block)))
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hashOf is the hash of a password at the lowest cost.
func hashOf(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

const withTLS = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"

// secure serves with a web configuration and returns its address.
func secure(t *testing.T, dir, config string, warn func(string)) (addr string, web *Web) {
	t.Helper()
	path := filepath.Join(dir, "web.yml")
	writeFile(t, path, config)
	web, err := OpenWeb(path, warn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, web, Handler(full(t), maxAge), nil) }()
	t.Cleanup(func() { cancel(); await(t, done) })
	return l.Addr().String(), web
}

// client trusts the certificate, and shows one of its own if there is one.
func client(t *testing.T, trusted *x509.Certificate, own ...tls.Certificate) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(trusted)
	return &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: own}},
	}
}

// ask returns the status and the text of an answer; user and password if not empty.
func ask(t *testing.T, c *http.Client, url, user, password string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.ProtoMajor != 1 {
		t.Errorf("%s: %s", url, answer.Proto)
	}
	return answer.StatusCode, body(t, answer)
}

func TestTLSAndBasicAuth(t *testing.T) {
	dir := t.TempDir()
	cert := makeCertificate(t, dir)
	warnings := make(chan string, 10)
	addr, web := secure(t, dir, withTLS+"basic_auth_users:\n  prometheus: "+hashOf(t, "right")+"\n", func(text string) { warnings <- text })
	c := client(t, cert)
	paths := []string{"/", "/breakdown", "/diagnosis", "/history", "/oom", "/metrics", "/nothing"}
	for _, path := range paths {
		for _, login := range [][2]string{{}, {"prometheus", "wrong"}, {"prometheus", ""}, {"nobody", "right"}, {"nobody", "fakepassword"}} {
			if path != "/" && login[1] != "" {
				continue // a wrong password takes a while
			}
			if status, text := ask(t, c, "https://"+addr+path, login[0], login[1]); status != http.StatusUnauthorized || strings.Contains(text, "jvmem.") {
				t.Errorf("%s as %q: %d, %s", path, login, status, text)
			}
		}
		want := http.StatusOK
		if path == "/nothing" {
			want = http.StatusNotFound
		}
		if status, _ := ask(t, c, "https://"+addr+path, "prometheus", "right"); status != want {
			t.Errorf("%s with the right password: %d", path, status)
		}
	}
	for _, probe := range []string{"/healthz", "/readyz"} {
		if status, text := ask(t, c, "https://"+addr+probe, "", ""); status != http.StatusOK || text != "ok\n" {
			t.Errorf("%s without a password: %d, %s", probe, status, text)
		}
	}
	if status, text := ask(t, http.DefaultClient, "http://"+addr+"/breakdown", "prometheus", "right"); status != http.StatusBadRequest || strings.Contains(text, "schema") {
		t.Errorf("plain HTTP: %d, %s", status, text)
	}

	// The certificate and the users are replaced; then the file is broken.
	renewed := client(t, makeCertificate(t, dir))
	writeFile(t, web.path, withTLS+"basic_auth_users:\n  prometheus: "+hashOf(t, "new")+"\n")
	for _, broken := range []string{"", "basic_auth_users: {}", "basic_auth_users: {}", "basic_auth_users:\n  a: " + hashOf(t, "x")} {
		if broken != "" {
			writeFile(t, web.path, broken)
		}
		web.mu.Lock()
		web.read = time.Now().Add(-reread - time.Second)
		web.mu.Unlock()
		if status, _ := ask(t, renewed, "https://"+addr+"/breakdown", "prometheus", "new"); status != http.StatusOK {
			t.Errorf("the new password: %d", status)
		}
	}
	if len(warnings) != 2 || !strings.Contains(<-warnings, "neither") || !strings.Contains(<-warnings, "requires a restart") {
		t.Errorf("%d more warnings", len(warnings))
	}
	if status, _ := ask(t, renewed, "https://"+addr+"/breakdown", "prometheus", "right"); status != http.StatusUnauthorized {
		t.Errorf("the old password: %d", status)
	}
	if r, err := c.Get("https://" + addr + "/healthz"); err == nil {
		r.Body.Close()
		t.Error("the old certificate is still shown")
	}
}

func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	cert := makeCertificate(t, dir)
	own, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := secure(t, dir, withTLS+"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: cert.pem\n", nil)
	if status, _ := ask(t, client(t, cert, own), "https://"+addr+"/breakdown", "", ""); status != http.StatusOK {
		t.Errorf("with a certificate: %d", status)
	}
	if r, err := client(t, cert).Get("https://" + addr + "/healthz"); err == nil {
		r.Body.Close()
		t.Errorf("without a certificate: %s", r.Status)
	}
}

func TestOpenWebRefuses(t *testing.T) {
	dir := t.TempDir()
	makeCertificate(t, dir)
	for config, want := range map[string]string{
		"":                                "supported are tls_server_config",
		"tls_server_config: {}":           "cert_file and key_file",
		"basic_auth_users: {}":            "neither tls_server_config nor basic_auth_users",
		"basic_auth_users: {a: password}": "htpasswd -nBC 10 a",
		"basic_auth_users: {a: " + strings.Replace(hashOf(t, "x"), "$04$", "$15$", 1) + "}": "of cost 14 or less",
		"rate_limit: {}":                                                                     "field rate_limit not found",
		withTLS + "  cipher_suites: [x]\n":                                                   "field cipher_suites not found",
		withTLS + "  min_version: TLS10\n":                                                   "use TLS12 or TLS13",
		withTLS + "  client_auth_type: RequireAnyClientCert\n":                               "RequireAndVerifyClientCert",
		withTLS + "  client_ca_file: cert.pem\n":                                             "without client_auth_type",
		withTLS + "  client_auth_type: RequireAndVerifyClientCert\n":                         "client_ca_file",
		strings.Replace(withTLS, "key.pem", "none.pem", 1):                                   "none.pem",
		withTLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: key.pem\n": "holds no certificate",
	} {
		path := filepath.Join(dir, "web.yml")
		writeFile(t, path, config)
		if _, err := OpenWeb(path, nil); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %q", config, err, want)
		}
	}
	if cost, err := bcrypt.Cost([]byte(unknownUserHash)); err != nil || cost != bcrypt.DefaultCost {
		t.Errorf("the hash for unknown users: cost %d, %v", cost, err)
	}
}

// TestAuthCache: a correct password is compared once, a wrong one each time.
func TestAuthCache(t *testing.T) {
	var a authCache
	users := map[string][]byte{"a": []byte(hashOf(t, "right")), "b": []byte(hashOf(t, "other"))}
	if !a.check(t.Context(), "192.0.2.1", users, "a", "right") {
		t.Fatal("the correct password is refused")
	}
	a.comparing.Lock() // nothing can be compared
	defer a.comparing.Unlock()
	if !a.check(t.Context(), "192.0.2.1", users, "a", "right") {
		t.Error("it is refused the second time")
	}
	for i, login := range [][3]string{{"a", "wrong"}, {"b", "right"}, {"c", "right"}} {
		if a.cached(login[0], users[login[0]], login[1]) {
			t.Errorf("login %d is cached as correct", i)
		}
	}
	if a.cached("a", []byte(hashOf(t, "new")), "right") {
		t.Error("the password that was replaced is cached")
	}
}

// TestWrongPasswordsLockNobodyOut: attempts with wrong passwords wait for each other;
// a correct password from another address does not wait for them.
func TestWrongPasswordsLockNobodyOut(t *testing.T) {
	const wrong = 20
	var a authCache
	users := map[string][]byte{"a": []byte(hashOf(t, "right"))}
	ctx, cancel := context.WithCancel(t.Context())
	refused := make(chan bool, wrong)
	for range wrong {
		go func() { refused <- !a.check(ctx, "192.0.2.1", users, "a", "wrong") }()
	}
	for waiting := 0; waiting < wrong; time.Sleep(time.Millisecond) {
		a.mu.Lock()
		if q := a.queues["192.0.2.1"]; q != nil {
			waiting = q.attempts + len(refused)
		}
		a.mu.Unlock()
	}
	if !a.check(t.Context(), "192.0.2.2", users, "a", "right") {
		t.Error("the correct password is refused")
	}
	if n := len(refused); n == wrong {
		t.Error("the correct password waited for all wrong ones")
	}
	cancel()
	for range wrong {
		if !<-refused {
			t.Error("a wrong password is accepted")
		}
	}
	if len(a.queues) > 0 {
		t.Errorf("%d queues are left", len(a.queues))
	}
}
