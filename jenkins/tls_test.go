package jenkins_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A Jenkins that knows us by our certificate, and is known by its own authority.
func TestCertificates(t *testing.T) {
	t.Parallel()
	h := build(t, "/job/unit")
	s := httptest.NewUnstartedServer(h.box)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	defer s.Close()
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	me := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, me, me, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	h.o.URL = s.URL
	h.o.CAFile = file("ca.pem", "CERTIFICATE", s.Certificate().Raw)
	h.o.CertFile, h.o.KeyFile = file("cert.pem", "CERTIFICATE", cert), file("key.pem", "PRIVATE KEY", keyDER)
	h.start()
	h.job("a")
	h.queued("a")
	h.stop()
}
