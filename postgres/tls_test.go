//go:build acceptance

package postgres_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prow-ci/prow/postgres"
)

// What the URL says of TLS is done: the right authority is needed, and the right
// name.
func TestTLSAsTheURLSays(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	cert, key := selfSigned(t, "db.example.com")
	port := freePort(t)
	for name, content := range map[string]string{
		"server.crt": cert, "server.key": key,
		"postgresql.auto.conf": fmt.Sprintf("ssl = on\nlisten_addresses = '127.0.0.1'\nport = %d\n", port),
	} {
		if err := s.run("sh", "-c", `umask 077; cat >"$0"`, filepath.Join(s.data(), name), "\x00"+content); err != nil {
			t.Fatal(err)
		}
	}
	s.stop(t)
	s.start(t)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, []byte(cert), 0o600); err != nil {
		t.Fatal(err)
	}
	other, _ := selfSigned(t, "db.example.com")
	wrong := filepath.Join(t.TempDir(), "other.crt")
	if err := os.WriteFile(wrong, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/postgres?", "s3cr%25t%2F%40%3Aword", port)
	for _, c := range []struct{ options, want string }{
		{"sslmode=require", ""},
		{"sslmode=verify-ca&sslrootcert=" + ca, ""},
		{"sslmode=verify-ca&sslrootcert=" + wrong, "its certificate is not trusted"},
		{"sslmode=verify-full&sslrootcert=" + ca, "its certificate is not trusted"}, // it is of another name
	} {
		db, err := postgres.Open(t.Context(), at+c.options, nil)
		switch {
		case err == nil && c.want == "":
			if err := db.Memory.Save(t.Context(), "a", []byte("b")); err != nil {
				t.Error(err)
			}
		case err == nil || c.want == "" || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr"):
			t.Errorf("%s: Open = %v; want %q", c.options, err, c.want)
		}
		if err == nil {
			_ = db.Close()
		}
	}
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func selfSigned(t *testing.T, name string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}))
}
