package redissink_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/sink/sinktest"
)

// signed is a certificate and its key, in PEM.
type signed struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  struct{ cert, key string }
}

// sign makes a certificate, by itself without a signer.
func sign(t testing.TB, serial int64, by *signed, names ...string) *signed {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "muster test " + strconv.FormatInt(serial, 10)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names, BasicConstraintsValid: true, IsCA: by == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	s := &signed{cert: c, key: key}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		var out bytes.Buffer
		if err := pem.Encode(&out, &pem.Block{Type: kind, Bytes: b}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	s.pem.cert, s.pem.key = text("CERTIFICATE", der), text("PRIVATE KEY", secret)
	return s
}

func TestTLSWithCertificatesOfBothSidesAndAUserWithFewRights(t *testing.T) {
	authority, other := sign(t, 1, nil), sign(t, 2, nil)
	server, client := sign(t, 3, authority, "redis.test"), sign(t, 4, authority)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	port := strconv.Itoa(sinktest.FreePort(t))
	address := net.JoinHostPort("127.0.0.1", port)
	r := sinktest.StartRedis(t, "--tls-port", port, "--tls-cert-file", file("cert", server.pem.cert), "--tls-key-file", file("key", server.pem.key),
		"--tls-ca-cert-file", file("ca", authority.pem.cert), "--tls-auth-clients", "yes")
	r.CLI("acl", "setuser", "muster", "on", ">sup3r-secret", "~app:*", "+@read", "+@write", "+@transaction", "+@connection", "-@dangerous", "+info", "+command")
	r.CLI("acl", "setuser", "reader", "on", ">sup3r-secret", "~app:*", "+@read", "+@connection")
	r.CLI("acl", "setuser", "default", "off", "resetpass") // redis-cli of this test can do nothing from here on
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 3000)...)
	secrets := sink.Secrets{catalog.PasswordSecret: "sup3r-secret", catalog.ClientKeySecret: client.pem.key}
	with := func(change func(*catalog.Redis)) *catalog.Sink {
		s := settings(t, address, "app")
		s.Redis.Username, s.Redis.TLS, s.Redis.CA, s.Redis.ServerName, s.Redis.Certificate = "muster", true, authority.pem.cert, "redis.test", client.pem.cert
		change(s.Redis)
		return s
	}
	for want, s := range map[string]*catalog.Sink{
		"an authority that isn't trusted":  with(func(r *catalog.Redis) { r.CA = other.pem.cert }),
		"for another name":                 with(func(r *catalog.Redis) { r.ServerName = "elsewhere.test" }),
		"may want a certificate":           with(func(r *catalog.Redis) { r.Certificate = "" }),
		"doesn't accept the user name":     with(func(r *catalog.Redis) { r.Username = "nobody" }),
		"doesn't allow the user":           with(func(r *catalog.Redis) { r.Username = "reader" }),
		"it speaks only TLS":               with(func(r *catalog.Redis) { r.TLS = false }),
		"doesn't speak TLS":                with(func(c *catalog.Redis) { c.Port = r.Port }),
		"nothing is wrong":                 with(func(*catalog.Redis) {}),
		"nothing is wrong if nobody looks": with(func(r *catalog.Redis) { r.CA, r.ServerName, r.SkipVerify = "", "", true }),
	} {
		target := open(t, s, secrets)
		_, err := target.Check(t.Context())
		switch {
		case strings.HasPrefix(want, "nothing"):
			if err != nil {
				t.Errorf("%s: %v", want, err)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%v, want %q", err, want)
		case strings.Contains(err.Error(), "sup3r-secret"):
			t.Errorf("the error %q tells a secret", err)
		}
	}
	s := with(func(*catalog.Redis) {})
	id := w.PutSink(s, secrets)
	w.Caught(id)
	w.Push("vip", segment.Uninclude, sinktest.Range(0, 1000)...)
	w.Caught(id)
	w.Equal(open(t, s, secrets), keys...)
}
