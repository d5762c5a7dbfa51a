package resp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// limits bounds one command.
type limits struct {
	args  int
	bytes int // of all arguments together
}

var (
	// strangers have not proved who they are; Redis is as strict with them.
	strangers = limits{args: 16, bytes: 16 << 10}
	clients   = limits{args: 16 << 10, bytes: 1 << 20}
)

const (
	readBufferBytes = 4 << 10 // also the longest inline command
	keptBytes       = 16 << 10
	keptArgs        = 64
)

// brokenProtocol is what a client is told before its connection is closed: the bytes that follow
// can't be told apart any more.
type brokenProtocol string

func (b brokenProtocol) Error() string { return "Protocol error: " + string(b) }

// reader takes commands from a stream of bytes.
type reader struct {
	in   *bufio.Reader
	buf  []byte // the arguments of the present command
	ends []int  // where each argument ends in buf
	args [][]byte
}

func newReader(in io.Reader) *reader {
	return &reader{in: bufio.NewReaderSize(in, readBufferBytes)}
}

// waiting reports whether a part of the next command has arrived.
func (r *reader) waiting() bool { return r.in.Buffered() > 0 }

// next returns the arguments of the next command; they are valid until the following call. An
// empty command has none.
func (r *reader) next(within limits) ([][]byte, error) {
	r.forget()
	line, err := r.line()
	if err != nil {
		return nil, err
	}
	if len(line) == 0 || line[0] != '*' {
		return r.inline(line, within)
	}
	n, ok := parseLength(line[1:])
	if !ok || n > within.args {
		return nil, brokenProtocol("invalid multibulk length")
	}
	for range n {
		if err := r.bulk(within.bytes - len(r.buf)); err != nil {
			return nil, err
		}
	}
	return r.split(), nil
}

// forget makes room for a new command, and gives back what a large one took.
func (r *reader) forget() {
	r.buf, r.ends, r.args = r.buf[:0], r.ends[:0], r.args[:0]
	if cap(r.buf) > keptBytes {
		r.buf = nil
	}
	if cap(r.ends) > keptArgs {
		r.ends, r.args = nil, nil
	}
}

// line returns the next line without its end, valid until the next read.
func (r *reader) line() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, brokenProtocol("too big inline request")
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// inline reads a command that a person or a probe typed: words between blanks.
func (r *reader) inline(line []byte, within limits) ([][]byte, error) {
	for word := range bytes.FieldsSeq(line) {
		if len(r.ends) == within.args {
			return nil, brokenProtocol("too big inline request")
		}
		r.buf = append(r.buf, word...)
		r.ends = append(r.ends, len(r.buf))
	}
	return r.split(), nil
}

// bulk reads one argument of at most the given size.
func (r *reader) bulk(room int) error {
	line, err := r.line()
	if err != nil {
		return err
	}
	if len(line) == 0 || line[0] != '$' {
		return brokenProtocol("expected '$'")
	}
	size, ok := parseLength(line[1:])
	if !ok || size > room {
		return brokenProtocol("invalid bulk length")
	}
	start := len(r.buf)
	r.buf = append(r.buf, make([]byte, size)...)
	if _, err := io.ReadFull(r.in, r.buf[start:]); err != nil {
		return err
	}
	r.ends = append(r.ends, len(r.buf))
	var end [2]byte
	if _, err := io.ReadFull(r.in, end[:]); err != nil {
		return err
	}
	if end != [2]byte{'\r', '\n'} {
		return brokenProtocol("expected the end of an argument")
	}
	return nil
}

func (r *reader) split() [][]byte {
	start := 0
	for _, end := range r.ends {
		r.args = append(r.args, r.buf[start:end:end])
		start = end
	}
	return r.args
}

// parseLength reads a length of at most seven digits, which is beyond every limit.
func parseLength(digits []byte) (int, bool) {
	if len(digits) == 0 || len(digits) > 7 {
		return 0, false
	}
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int(d-'0')
	}
	return n, true
}
