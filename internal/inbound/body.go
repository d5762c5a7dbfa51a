package inbound

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"muster/internal/connector/list"
	"muster/internal/fault"
)

const (
	// memoryBody is how much of a body is kept in memory; a larger one goes to a file.
	memoryBody = 4 << 20
	// idleBody is how long a client may take between two pieces of a body, totalBody for all of it.
	idleBody  = 30 * time.Second
	totalBody = 10 * time.Minute
	// turn is how long a large body waits until others have been parsed.
	turn = 30 * time.Second
)

// body is a request body that can be read more than once, in memory or in a file.
type body struct {
	io.ReadSeeker
	size int64
	file *os.File
}

func (b *body) large() bool { return b.file != nil }

// Close frees what the body held.
func (b *body) Close() error {
	if b.file == nil {
		return nil
	}
	return b.file.Close() // it has no name any more
}

// readBody reads the whole body, inflated, up to the limit.
func (c *call) readBody() (*body, error) {
	if c.r.ContentLength > c.options.MaxBody {
		return nil, c.tooLarge()
	}
	paced := &pacedReader{
		from:     http.MaxBytesReader(c.w, c.r.Body, c.options.MaxBody),
		deadline: http.NewResponseController(c.w).SetReadDeadline,
		end:      time.Now().Add(totalBody),
	}
	b, err := c.inflate(paced)
	// A deadline left behind would end the request, however long its commit takes.
	_ = paced.deadline(time.Time{})
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return b, nil
	case errors.As(err, &tooLarge), errors.Is(err, errTooLarge):
		return nil, c.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.Unavailablef("the body arrived too slowly; send the request again").Because(err)
	case paced.broken:
		return nil, fault.Unavailablef("the body broke off; send the request again").Because(err)
	case errors.Is(err, errSpool):
		return nil, fault.Unavailablef("muster has no room for the body at this moment; send it again").Because(err)
	default:
		return nil, err
	}
}

// inflate reads all of a body, undoing its content encoding.
func (c *call) inflate(r io.Reader) (*body, error) {
	inflated, free, err := list.Inflate(r, c.r.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	defer free()
	return c.spool(inflated)
}

func (c *call) tooLarge() error {
	return fault.TooLargef("the body is larger than %d bytes; send smaller batches or raise --max-body", c.options.MaxBody)
}

var (
	errTooLarge = errors.New("inflated body over the limit")
	errSpool    = errors.New("spool file")
)

// spool reads all of r into memory, or into a nameless file once it is large.
func (c *call) spool(r io.Reader) (*body, error) {
	var memory bytes.Buffer
	if n := c.r.ContentLength; n > 0 {
		memory.Grow(int(min(n, memoryBody)) + bytes.MinRead)
	}
	n, err := io.Copy(&memory, io.LimitReader(r, memoryBody))
	if err != nil {
		return nil, err
	}
	if n > c.options.MaxBody {
		return nil, errTooLarge
	}
	if n < memoryBody {
		return &body{ReadSeeker: bytes.NewReader(memory.Bytes()), size: n}, nil
	}
	if err := c.ingest.Room(); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(c.options.SpoolDir, "body-*")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	b := &body{ReadSeeker: file, file: file}
	if err := os.Remove(file.Name()); err != nil {
		_ = b.Close()
		return nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	into := &spoolWriter{file: file}
	b.size, err = io.Copy(into, io.LimitReader(io.MultiReader(&memory, r), c.options.MaxBody+1))
	if err == nil && b.size > c.options.MaxBody {
		err = errTooLarge
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = b.Close()
		return nil, err
	}
	return b, nil
}

// SweepSpool removes what a process that was killed has left in the folder of large bodies, which no
// other process uses.
func SweepSpool(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "body-*"))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// spoolWriter marks the errors of the disk apart from those of the client.
type spoolWriter struct{ file *os.File }

func (s *spoolWriter) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", errSpool, err)
	}
	return n, err
}

// pacedReader gives the client a deadline for each piece of the body and one for all of it, and
// remembers whether it was the client that broke off.
type pacedReader struct {
	from     io.Reader
	deadline func(time.Time) error
	end      time.Time
	broken   bool
}

func (p *pacedReader) Read(b []byte) (int, error) {
	next := time.Now().Add(idleBody)
	if next.After(p.end) {
		next = p.end
	}
	// A writer without deadlines is a test's; the server's own has them.
	_ = p.deadline(next)
	n, err := p.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		p.broken = true
	}
	return n, err
}
