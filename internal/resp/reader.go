package resp

import (
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
	maxLine   = 4 << 10 // bytes of an inline command
	readBytes = 4 << 10 // what is read at once, at least
	keptBytes = 16 << 10
	keptArgs  = 64

	endOfArgument = "\r\n"
)

// brokenProtocol is what a client is told before its connection is closed: the bytes that follow
// can't be told apart any more.
type brokenProtocol string

func (b brokenProtocol) Error() string { return "Protocol error: " + string(b) }

// errPart says that more of a command has to arrive.
var errPart = errors.New("only a part of the command has arrived")

// reader takes commands from the bytes that have arrived. Whoever owns it brings more of them, by fill or borrow.
type reader struct {
	in   []byte // what has arrived, from the present command on
	base []byte // where fill has it

	// Of the present command, by distance from its beginning:
	at    int    // how far it has been read
	spans []span // its arguments so far
	args  [][]byte
	begun bool // the number of its arguments is known
	left  int  // arguments still to be read
	bytes int  // of the arguments so far
}

// span is where an argument lies.
type span struct{ from, to int }

// waiting reports whether something of a command has arrived.
func (r *reader) waiting() bool { return len(r.in) > 0 }

// next returns the arguments of the present command, which are valid until it is dropped. An empty
// command has none. After errPart it goes on where it was, once there is more.
func (r *reader) next(within limits) ([][]byte, error) {
	if !r.begun {
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
		r.begun, r.left = true, n
	}
	for ; r.left > 0; r.left-- {
		if err := r.bulk(within.bytes - r.bytes); err != nil {
			return nil, err
		}
	}
	for _, s := range r.spans {
		r.args = append(r.args, r.in[s.from:s.to:s.to])
	}
	return r.args, nil
}

// drop ends the present command.
func (r *reader) drop() {
	r.in = r.in[r.at:]
	r.rewind()
}

// rewind lets next return the present command once more. It gives back the room that a large one took.
func (r *reader) rewind() {
	r.at, r.begun, r.left, r.bytes = 0, false, 0, 0
	r.spans, r.args = r.spans[:0], r.args[:0]
	if cap(r.spans) > keptArgs {
		r.spans, r.args = nil, nil
	}
	if len(r.in) == 0 && cap(r.base) > keptBytes {
		r.in, r.base = nil, nil
	}
}

// fill reads once, into room of its own.
func (r *reader) fill(from io.Reader) error {
	if cap(r.in)-len(r.in) < readBytes {
		if len(r.in)+readBytes > cap(r.base) {
			r.base = make([]byte, 2*len(r.in)+readBytes)
		}
		r.in = r.base[:copy(r.base[:cap(r.base)], r.in)]
	}
	n, err := from.Read(r.in[len(r.in):cap(r.in)])
	r.in = r.in[:len(r.in)+n]
	return err
}

// borrow takes what its owner has read into room for many; keep has to be called before that is used again.
func (r *reader) borrow(arrived []byte) { r.in = arrived }

// keep leaves nothing in borrowed room, and has none that is empty.
func (r *reader) keep() {
	r.base = nil
	r.in = bytes.Clone(r.in)
}

// line returns the next line without its end.
func (r *reader) line() ([]byte, error) {
	end := bytes.IndexByte(r.in[r.at:min(len(r.in), r.at+maxLine)], '\n')
	switch {
	case end >= 0:
		line := r.in[r.at : r.at+end]
		r.at += end + 1
		return bytes.TrimSuffix(line, []byte{'\r'}), nil
	case len(r.in)-r.at >= maxLine:
		return nil, brokenProtocol("too big inline request")
	default:
		return nil, errPart
	}
}

// inline reads a command that a person or a probe typed: words between blanks.
func (r *reader) inline(line []byte, within limits) ([][]byte, error) {
	for word := range bytes.FieldsSeq(line) {
		if len(r.args) == within.args {
			return nil, brokenProtocol("too big inline request")
		}
		r.args = append(r.args, word)
	}
	return r.args, nil
}

// bulk reads one argument of at most the given size. It changes nothing if a part of it is missing.
func (r *reader) bulk(room int) error {
	start := r.at
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
	s := span{r.at, r.at + size}
	if len(r.in) < s.to+len(endOfArgument) {
		r.at = start
		return errPart
	}
	if string(r.in[s.to:s.to+len(endOfArgument)]) != endOfArgument {
		return brokenProtocol("expected the end of an argument")
	}
	r.at = s.to + len(endOfArgument)
	r.bytes += size
	r.spans = append(r.spans, s)
	return nil
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
