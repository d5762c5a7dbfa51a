package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a certificate with its key in two files, which are read again when they change, so that a renewal
// needs no restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	loaded  *tls.Certificate
	stamp   stamp     // of the files as they were loaded, or as they could not be
	checked time.Time // when the files were last looked at
}

// stamp tells files from what they were before.
type stamp struct {
	certSize, keySize int64
	certTime, keyTime time.Time
}

// certificateChecked is how long new connections get a certificate without a look at the files.
const certificateChecked = time.Second

// loadCertificate reads the files for the first time; what is wrong with them ends the start.
func loadCertificate(certFile, keyFile string, log *slog.Logger, now func() time.Time) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, now: now}
	var err error
	if c.stamp, err = c.look(); err != nil {
		return nil, err
	}
	if c.loaded, err = c.read(); err != nil {
		return nil, err
	}
	c.checked = now()
	return c, nil
}

func (c *certificate) look() (stamp, error) {
	cert, err := os.Stat(c.certFile)
	if err != nil {
		return stamp{}, fmt.Errorf("look at the certificate: %w", err)
	}
	key, err := os.Stat(c.keyFile)
	if err != nil {
		return stamp{}, fmt.Errorf("look at the key of the certificate: %w", err)
	}
	return stamp{cert.Size(), key.Size(), cert.ModTime(), key.ModTime()}, nil
}

func (c *certificate) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate in %s with its key in %s: %w", c.certFile, c.keyFile, err)
	}
	return &pair, nil
}

// present returns the certificate of the files as they are. While they can't be read, as in the midst of a renewal, it
// returns the one before and says so once.
func (c *certificate) present() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.checked) < certificateChecked {
		return c.loaded
	}
	c.checked = now
	seen, err := c.look()
	if err == nil && seen == c.stamp {
		return c.loaded
	}
	var renewed *tls.Certificate
	if err == nil {
		renewed, err = c.read()
	}
	switch {
	case err == nil:
		c.loaded = renewed
		c.log.Info("a new certificate is in use", "file", c.certFile, "until", renewed.Leaf.NotAfter)
	case seen != c.stamp:
		c.log.Warn("the certificate can't be read; the one before stays in use", "error", err)
	}
	c.stamp = seen
	return c.loaded
}

// config returns settings of TLS with the certificate as it is at each handshake.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.present(), nil },
	}
}
