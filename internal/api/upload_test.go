package api

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// single is a listener with one connection.
type single struct {
	net.Listener
	conn chan net.Conn
}

func (s single) Accept() (net.Conn, error) {
	if c, ok := <-s.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (s single) Close() error   { return nil }
func (s single) Addr() net.Addr { return &net.TCPAddr{} }

// uploading sends a body, piece after piece with a pause behind each, in a bubble of its own time, and
// returns what came of it and when.
func uploading(t *testing.T, pieces int, piece string, pause time.Duration) (said string, after time.Duration) {
	synctest.Test(t, func(*testing.T) {
		ended := make(chan string, 1)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := newUpload(w, r.Body, 1<<30)
			defer body.done()
			n, err := io.Copy(io.Discard, body)
			ended <- fmt.Sprint(n, " bytes, ", err)
		})}
		ours, theirs := net.Pipe()
		listener := single{conn: make(chan net.Conn, 1)}
		listener.conn <- ours
		close(listener.conn)
		_ = server.Serve(listener) // has no more to accept
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		began := time.Now()
		var sending sync.WaitGroup
		sending.Go(func() {
			_, _ = fmt.Fprintf(theirs, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", pieces*len(piece))
			for range pieces {
				if _, err := io.WriteString(theirs, piece); err != nil {
					return
				}
				time.Sleep(pause)
			}
		})
		said = <-ended
		after = time.Since(began)
		_ = theirs.Close()
		_ = server.Close()
		sending.Wait()
		time.Sleep(time.Minute) // the server closes its side of a connection with a delay
	})
	return said, after
}

func TestUploadsMustKeepAPace(t *testing.T) {
	t.Parallel()
	kib := strings.Repeat("x", 1<<10)
	for name, tt := range map[string]struct {
		pieces int
		piece  string
		pause  time.Duration
		want   string
		after  time.Duration
	}{
		"slow for hours, but not too slow": {10 << 10, kib, 900 * time.Millisecond, "10485760 bytes, <nil>", 10239 * 900 * time.Millisecond},
		"a byte now and then":              {1 << 20, "x", 30 * time.Second, "less than 64 KiB a minute", time.Minute},
		"large pieces with long pauses":    {100, strings.Repeat(kib, 640), 50 * time.Second, "65536000 bytes, <nil>", 99 * 50 * time.Second},
		"nothing any more":                 {2, kib, time.Hour, "1024 bytes, the upload stopped", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			said, after := uploading(t, tt.pieces, tt.piece, tt.pause)
			if !strings.Contains(said, tt.want) || after != tt.after {
				t.Errorf("%s after %v; want %q after %v", said, after, tt.want, tt.after)
			}
		})
	}
}
