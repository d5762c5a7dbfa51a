package sdk

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// output takes a stream in pieces, each of which must get through in time.
type output interface {
	// send takes what is to be written, at the latest by the next flush. The bytes stay as they are.
	send(b []byte) error
	// flush writes what was not written yet. The headers of a stream go out with the first one.
	flush() error
	gone() <-chan struct{} // closed when the client has left
}

// pieceBytes is how much must get through within one write timeout.
const pieceBytes = 64 << 10

// streamHeaders says that a stream follows.
func streamHeaders(h http.Header) {
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
}

// shared is a stream beside others on one connection, as in HTTP/2, or the answer to one request of several.
type shared struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	left    <-chan struct{}

	extended time.Time // when the present write began
	unsent   bool      // something was not flushed yet
}

func newShared(c *call) *shared {
	return &shared{w: c.w, control: http.NewResponseController(c.w), timeout: c.h.o.WriteTimeout, left: c.r.Context().Done()}
}

// start sends the headers, so that the client knows at once that it is connected.
func (s *shared) start() error {
	streamHeaders(s.w.Header())
	// The server's read timeout is for requests; this one may stay open for days.
	_ = s.control.SetReadDeadline(time.Time{}) // not every writer has deadlines
	s.extend()
	s.w.WriteHeader(http.StatusOK)
	s.unsent = true
	return s.flush()
}

func (s *shared) extend() {
	s.extended = time.Now()
	_ = s.control.SetWriteDeadline(s.extended.Add(s.timeout)) // not every writer has deadlines
}

// stalled returns errStalled in place of the error of a write that took all the time it had. HTTP/2 says only
// that the stream is closed.
func (s *shared) stalled(err error) error {
	if err != nil && time.Since(s.extended) >= s.timeout {
		return errStalled
	}
	return err
}

func (s *shared) send(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), pieceBytes)
		s.unsent = true
		s.extend()
		if _, err := s.w.Write(b[:n]); err != nil {
			return s.stalled(err)
		}
		b = b[n:]
	}
	return nil
}

// Write is send for those who want an io.Writer.
func (s *shared) Write(b []byte) (int, error) {
	if err := s.send(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// flush leaves no deadline behind: to what comes next on the connection it would be a wrong one, and over
// HTTP/2 it resets the stream when it comes, whether or not anything is being written.
func (s *shared) flush() error {
	if !s.unsent {
		return nil
	}
	s.unsent = false
	s.extend()
	if err := s.control.Flush(); err != nil {
		return s.stalled(err)
	}
	_ = s.control.SetWriteDeadline(time.Time{}) // not every writer has deadlines
	return nil
}

func (s *shared) gone() <-chan struct{} { return s.left }

// socket is a stream that has its connection for itself. An idle one keeps neither the buffers that
// net/http has for a connection nor the request, and nothing large is copied on the way to it.
type socket struct {
	conn    net.Conn
	timeout time.Duration
	head    []byte // the headers; nil once they are written
	chunked bool   // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body
	pending net.Buffers
	size    int // of pending
	broken  bool
	left    chan struct{}
}

// takeOver takes the connection of a stream from net/http. From then on the call holds only what shows
// whether its credential is still valid. The error is http.ErrNotSupported if the connection is shared with
// other requests.
func (c *call) takeOver() (*socket, error) {
	conn, _, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		return nil, err
	}
	header := c.w.Header()
	streamHeaders(header)
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	header.Set("Connection", "close")
	s := &socket{conn: conn, timeout: c.h.o.WriteTimeout, chunked: c.r.ProtoAtLeast(1, 1), left: make(chan struct{})}
	if s.chunked {
		header.Set("Transfer-Encoding", "chunked")
	}
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 200 OK\r\n")
	_ = header.Write(&head) // a buffer takes everything
	head.WriteString("\r\n")
	s.head = head.Bytes()
	go s.watch()
	c.w = nil
	c.r = &http.Request{Method: c.r.Method, URL: c.r.URL, Header: kept(c.r.Header)}
	c.params[contextParam] = "" // it may be large
	return s, nil
}

// kept are the headers that say who reads a stream, for as long as it is open.
func kept(all http.Header) http.Header {
	some := make(http.Header, 2)
	for _, name := range []string{"Authorization", "User-Agent", agentHeader} {
		if v := all[name]; v != nil {
			some[name] = v
		}
	}
	return some
}

// maxStray is how much a client may send behind its request before that counts as leaving.
const maxStray = 4 << 10

// watch notes when the client leaves. It ends with the connection.
func (s *socket) watch() {
	defer close(s.left)
	b := make([]byte, 64)
	for stray := 0; stray < maxStray; {
		n, err := s.conn.Read(b)
		if err != nil {
			return
		}
		stray += n
	}
}

func (s *socket) gone() <-chan struct{} { return s.left }

func (s *socket) extend() {
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.timeout)) // fails on a closed connection only, as the write will
}

func (s *socket) send(b []byte) error {
	for len(b) > 0 {
		if s.pending == nil {
			s.pending = make(net.Buffers, 1, 3) // the first is for the size of the chunk
		}
		n := min(len(b), pieceBytes-s.size)
		s.pending, s.size = append(s.pending, b[:n]), s.size+n
		b = b[n:]
		if s.size == pieceBytes {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// smallBytes is up to where it is less work to copy what is written than to tell the kernel of its parts.
const smallBytes = 4 << 10

// copies are where small writes are put together, apart from the streams, of which there are many.
var copies = sync.Pool{New: func() any { return new([smallBytes + 64]byte) }}

var endOfLine = []byte("\r\n")

func (s *socket) flush() error {
	if s.size == 0 && s.head == nil {
		return nil
	}
	s.extend()
	var err error
	if len(s.head)+s.size <= smallBytes {
		err = s.writeCopy()
	} else {
		err = s.writeParts()
	}
	s.head, s.pending, s.size, s.broken = nil, nil, 0, err != nil
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errStalled
	}
	return err
}

func (s *socket) writeCopy() error {
	room := copies.Get().(*[smallBytes + 64]byte) //nolint:forcetypeassert // nothing else is in it
	defer copies.Put(room)
	b := room[:0]
	b = append(b, s.head...)
	if s.size > 0 {
		b = s.appendSize(b)
		for _, part := range s.pending[1:] {
			b = append(b, part...)
		}
		if s.chunked {
			b = append(b, endOfLine...)
		}
	}
	_, err := s.conn.Write(b)
	return err
}

func (s *socket) writeParts() error {
	if s.size == 0 {
		_, err := s.conn.Write(s.head)
		return err
	}
	s.pending[0] = s.appendSize(s.head)
	if s.chunked {
		s.pending = append(s.pending, endOfLine)
	}
	_, err := s.pending.WriteTo(s.conn)
	return err
}

// appendSize appends the size of the chunk that follows.
func (s *socket) appendSize(b []byte) []byte {
	if s.chunked {
		b = append(strconv.AppendInt(b, int64(s.size), 16), endOfLine...)
	}
	return b
}

// close ends the stream and its connection.
func (s *socket) close() {
	if s.head != nil { // it ends before it began
		s.pending, s.size = nil, 0
		_ = s.flush() // nobody is left to tell
	}
	if s.chunked && !s.broken {
		s.extend()
		_, _ = s.conn.Write([]byte("0\r\n\r\n")) // likewise
	}
	_ = s.conn.Close() // likewise
	<-s.left
}
