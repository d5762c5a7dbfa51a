package resp

import (
	"strconv"
	"strings"

	"muster/internal/segment"
)

// reply collects answers in the version of the protocol that a connection speaks.
type reply struct {
	out     []byte
	version int // 2 or 3
	scratch []byte
}

func (r *reply) status(s string) { r.out = append(append(append(r.out, '+'), s...), "\r\n"...) }

// fail answers with an error; the text begins with its code.
func (r *reply) fail(text string) { r.out = append(append(append(r.out, '-'), text...), "\r\n"...) }

func (r *reply) integer(n int64) { r.header(':', n) }

func (r *reply) header(kind byte, n int64) {
	r.out = append(r.out, kind)
	r.out = strconv.AppendInt(r.out, n, 10)
	r.out = append(r.out, "\r\n"...)
}

func (r *reply) bulk(b []byte) {
	r.header('$', int64(len(b)))
	r.out = append(append(r.out, b...), "\r\n"...)
}

func (r *reply) text(s string) {
	r.header('$', int64(len(s)))
	r.out = append(append(r.out, s...), "\r\n"...)
}

func (r *reply) null() {
	if r.version == 3 {
		r.out = append(r.out, "_\r\n"...)
		return
	}
	r.out = append(r.out, "$-1\r\n"...)
}

func (r *reply) array(n int) { r.header('*', int64(n)) }

// pairs begins a map of n keys and values.
func (r *reply) pairs(n int) {
	if r.version == 3 {
		r.header('%', int64(n))
		return
	}
	r.array(2 * n)
}

// push begins a message that answers no command.
func (r *reply) push(n int) {
	if r.version == 3 {
		r.header('>', int64(n))
		return
	}
	r.array(n)
}

func (r *reply) refs(refs []segment.Ref) {
	if r.version == 3 {
		r.header('~', int64(len(refs)))
	} else {
		r.array(len(refs))
	}
	for _, ref := range refs {
		r.scratch = append(append(r.scratch[:0], ref.Key...), ".g"...)
		r.scratch = strconv.AppendUint(r.scratch, uint64(ref.Generation), 10)
		r.bulk(r.scratch)
	}
}

// quote returns what a client sent in a form that fits into the one line of an error.
func quote(b []byte) string {
	const most = 64
	if len(b) > most {
		b = b[:most]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(string(b), "?"))
}
