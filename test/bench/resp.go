package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// respConn is a connection to a server that speaks Redis's protocol.
type respConn struct {
	net.Conn
	in *bufio.Reader
}

// dialRESP connects to muster's endpoint, or to a redis-server, which wants no password.
func dialRESP(ctx context.Context, address, password string) (*respConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &respConn{conn, bufio.NewReader(conn)}
	if password != "" {
		_, _ = fmt.Fprintf(c, "*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(password), password)
		if line, err := c.line(); err != nil || line != "+OK" {
			return nil, fmt.Errorf("AUTH answered %q: %w", line, err)
		}
	}
	return c, nil
}

func (c *respConn) line() (string, error) {
	line, err := c.in.ReadString('\n')
	return strings.TrimSuffix(line, "\r\n"), err
}

// includeKey is where SDKs look for the segments that include a context.
func includeKey(context string) string {
	h := sha256.Sum256([]byte(context))
	return "launchdarkly:big_segment_include:" + base64.StdEncoding.EncodeToString(h[:])
}

// synchronizedKey is where SDKs look when the store was synchronized.
const synchronizedKey = "launchdarkly:big_segments_synchronized_on"

// synchronizedOn returns how many digits the time has at which the store was synchronized.
func (c *respConn) synchronizedOn() (int, error) {
	if _, err := fmt.Fprintf(c, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(synchronizedKey), synchronizedKey); err != nil {
		return 0, err
	}
	size, err := c.line()
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(size, "$"))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("GET answered %q", size)
	}
	_, err = io.CopyN(io.Discard, c.in, int64(n)+2)
	return n, err
}

// members returns in how many segments a context is.
func (c *respConn) members(context string) (int, error) {
	key := includeKey(context)
	if _, err := fmt.Fprintf(c, "*2\r\n$8\r\nSMEMBERS\r\n$%d\r\n%s\r\n", len(key), key); err != nil {
		return 0, err
	}
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(line, "*"))
	if err != nil {
		return 0, fmt.Errorf("SMEMBERS answered %q", line)
	}
	for range n {
		if line, err = c.line(); err != nil {
			return 0, err
		}
		size, err := strconv.Atoi(strings.TrimPrefix(line, "$"))
		if err != nil {
			return 0, fmt.Errorf("SMEMBERS answered %q", line)
		}
		if _, err := io.CopyN(io.Discard, c.in, int64(size)+2); err != nil {
			return 0, err
		}
	}
	return n, nil
}
