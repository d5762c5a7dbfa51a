package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a new certificate for 127.0.0.1 with its key, as a renewal does at that moment.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	what := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, what, what, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARenewedCertificateNeedsNoRestart(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	now := time.Now()
	var said bytes.Buffer
	writeCertificate(t, certFile, keyFile, 1, now)
	c, err := loadCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(&said, nil)), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", c.config())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake()
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	presented := func(want int64) {
		t.Helper()
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != want {
			t.Errorf("certificate %d was presented, want %d", got, want)
		}
	}
	later := func() { now = now.Add(2 * time.Second) }

	presented(1)
	writeCertificate(t, certFile, keyFile, 2, now.Add(time.Minute))
	presented(1) // the files were looked at less than a second ago
	later()
	presented(2)

	if err := os.WriteFile(certFile, []byte("half a certifi"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		later()
		presented(2)
	}
	if got := strings.Count(said.String(), "level=WARN"); got != 1 {
		t.Errorf("it was said %d times that the file can't be read, want once:\n%s", got, said.String())
	}
	writeCertificate(t, certFile, keyFile, 3, now.Add(2*time.Minute))
	later()
	presented(3)
}

func TestACertificateThatCannotBeReadEndsTheStart(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := loadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler), time.Now); err == nil {
		t.Error("no file is needed")
	}
	writeCertificate(t, certFile, filepath.Join(dir, "other.pem"), 1, time.Now())
	writeCertificate(t, filepath.Join(dir, "another.pem"), keyFile, 2, time.Now())
	if _, err := loadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler), time.Now); err == nil || !strings.Contains(err.Error(), certFile) {
		t.Errorf("a certificate with another's key: %v", err)
	}
}
