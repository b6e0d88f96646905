package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// validity is that of all certificates; the cluster lives for minutes.
const validity = 30 * 24 * time.Hour

// authority signs certificates.
type authority struct {
	node        *Node
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// writeKeys writes an authority, certificates of the API server and its clients with their
// kubeconfigs, and a key for service accounts.
func (n *Node) writeKeys() error {
	ca, err := n.newAuthority()
	if err != nil {
		return err
	}
	return errors.Join(
		ca.issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, x509.ExtKeyUsageServerAuth),
		ca.issue("admin", pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}, x509.ExtKeyUsageClientAuth),
		ca.issue("kubelet", pkix.Name{CommonName: "system:node:" + Name, Organization: []string{"system:nodes"}}, x509.ExtKeyUsageClientAuth),
		n.writeServiceAccountKey(),
		n.writeKubeconfig("admin"), n.writeKubeconfig("kubelet"),
	)
}

func (n *Node) newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "jvmem-e2e"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(validity),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{n, certificate, key}, n.writePEM("ca.crt", "CERTIFICATE", der)
}

func (ca *authority) issue(name string, subject pkix.Name, usage x509.ExtKeyUsage) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: subject, NotBefore: ca.certificate.NotBefore, NotAfter: ca.certificate.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
		DNSNames:    []string{"localhost", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(address), net.ParseIP(serviceAddress)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(ca.node.writePEM(name+".crt", "CERTIFICATE", der), ca.node.writePEM(name+".key", "PRIVATE KEY", private))
}

func (n *Node) writeServiceAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return errors.Join(n.writePEM("sa.key", "EC PRIVATE KEY", private), n.writePEM("sa.pub", "PUBLIC KEY", public))
}

func (n *Node) writePEM(name, kind string, der []byte) error {
	return os.WriteFile(n.Path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func (n *Node) writeKubeconfig(user string) error {
	const text = `apiVersion: v1
kind: Config
clusters: [{name: e2e, cluster: {server: "https://127.0.0.1:6443", certificate-authority: %[1]s}}]
users: [{name: e2e, user: {client-certificate: %[2]s.crt, client-key: %[2]s.key}}]
contexts: [{name: e2e, context: {cluster: e2e, user: e2e}}]
current-context: e2e
`
	return os.WriteFile(n.Path(user+".conf"), fmt.Appendf(nil, text, n.Path("ca.crt"), n.Path(user)), 0o600)
}
