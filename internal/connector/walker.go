package connector

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/fault"
)

const (
	// maxDepth bounds the nesting of a body; the deepest known sender nests six levels.
	maxDepth = 64
	// maxValueBytes bounds one text or number of a body, and so the decoder's buffer.
	maxValueBytes = 1 << 20
	// maxEmptyReads is how often a reader may bring nothing before it counts as broken.
	maxEmptyReads = 100
)

// found is what a walker saw at a place.
type found struct {
	kind  jsontext.Kind // zero when the document has no such place
	raw   []byte        // source text of a scalar
	at    int64         // where an array or object begins
	empty bool          // an array or object without elements
}

// missing reports whether the place holds nothing that a tool can have meant.
func (f found) missing() bool {
	return f.kind == 0 || f.kind == jsontext.KindNull || f.kind == jsontext.KindString && len(f.raw) == 2
}

// absent reports whether the document has no such place, or null there.
func (f found) absent() bool { return f.kind == 0 || f.kind == jsontext.KindNull }

// walker reads one JSON value from a stream and files what stands at the wanted places. Of names
// that an object repeats, the last counts.
type walker struct {
	dec   *jsontext.Decoder
	src   boundedReader
	depth int
	found []found
	text  []byte // source text of the scalars in found
}

// boundedReader fails when the decoder asks for more of a value than the limit.
type boundedReader struct {
	from io.Reader
	dec  *jsontext.Decoder
	read int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.read-b.dec.InputOffset() >= maxValueBytes {
		return 0, fault.Invalidf("a value in the request payload is longer than %d bytes", maxValueBytes)
	}
	for range maxEmptyReads {
		n, err := b.from.Read(p)
		if n > 0 || err != nil {
			b.read += int64(n)
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// decoders keeps the buffers of decoders between requests.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// newWalker returns a walker over nothing; the caller closes it.
func newWalker() *walker {
	return &walker{dec: decoders.Get().(*jsontext.Decoder)}
}

func (w *walker) close() {
	w.dec.Reset(eof{})
	decoders.Put(w.dec)
	w.dec = nil
}

// eof lets go of the body that a pooled decoder read last.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// open starts reading at an offset of the body.
func (w *walker) open(body io.ReadSeeker, offset int64) error {
	if _, err := body.Seek(offset, io.SeekStart); err != nil {
		return fmt.Errorf("go to byte %d of request body: %w", offset, err)
	}
	w.src = boundedReader{from: body, dec: w.dec}
	w.depth = 0
	w.dec.Reset(&w.src, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return nil
}

// look files what stands at the wanted places of the next value, forgetting the one before.
func (w *walker) look(want *wanted) error {
	if len(w.found) != want.slots {
		w.found = make([]found, want.slots)
	} else {
		clear(w.found)
	}
	w.text = w.text[:0]
	return w.walk(want.root)
}

// end says whether the document ends here, as it must.
func (w *walker) end() error {
	at := w.dec.InputOffset()
	switch _, err := w.dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return fault.Invalidf("the request payload goes on behind its end at byte %d", at)
}

func (w *walker) walk(p *place) error {
	kind := w.dec.PeekKind()
	if kind == jsontext.KindBeginObject || kind == jsontext.KindBeginArray {
		if p.slot < 0 && len(p.below) == 0 {
			return w.skip()
		}
		return w.container(p, kind)
	}
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	if p.slot >= 0 {
		from := len(w.text)
		w.text = append(w.text, raw...)
		w.found[p.slot] = found{kind: kind, raw: w.text[from:len(w.text):len(w.text)]}
	}
	return nil
}

func (w *walker) container(p *place, kind jsontext.Kind) error {
	if err := w.enter(); err != nil {
		return err
	}
	if p.slot >= 0 {
		at := w.dec.InputOffset() - 1
		w.found[p.slot] = found{kind: kind, at: at, empty: w.closing()}
	}
	for i := 0; !w.closing(); i++ {
		var below *place
		if kind == jsontext.KindBeginObject {
			name, err := w.dec.ReadValue()
			if err != nil {
				return err
			}
			if below = p.member(name); below != nil {
				w.forget(below)
			}
		} else {
			below = p.element(i)
		}
		if err := w.step(below); err != nil {
			return err
		}
	}
	w.depth--
	_, err := w.dec.ReadToken()
	return err
}

func (w *walker) step(p *place) error {
	if p == nil {
		return w.skip()
	}
	return w.walk(p)
}

func (w *walker) enter() error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	w.depth++
	return w.tooDeep(w.depth)
}

func (w *walker) tooDeep(depth int) error {
	if depth > maxDepth {
		return fault.Invalidf("the request payload is nested deeper than %d levels", maxDepth)
	}
	return nil
}

func (w *walker) closing() bool {
	k := w.dec.PeekKind()
	return k == jsontext.KindEndObject || k == jsontext.KindEndArray
}

// forget drops what an earlier value of a repeated name left behind.
func (w *walker) forget(p *place) {
	if p.slot >= 0 {
		w.found[p.slot] = found{}
	}
	for i := range p.below {
		w.forget(p.below[i].to)
	}
}

// skip passes over a value of any size.
func (w *walker) skip() error {
	depth := w.depth
	for {
		tok, err := w.dec.ReadToken()
		if err != nil {
			return err
		}
		switch tok.Kind() {
		case jsontext.KindBeginObject, jsontext.KindBeginArray:
			depth++
			if err := w.tooDeep(depth); err != nil {
				return err
			}
		case jsontext.KindEndObject, jsontext.KindEndArray:
			depth--
		}
		if depth <= w.depth {
			return nil
		}
	}
}

// bodyError says what a failed read of a body means to its sender. It quotes nothing of the body.
func bodyError(err error) error {
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Invalidf("the request payload ends before its JSON does").Because(err)
	case errors.Is(err, io.EOF):
		return fault.Invalidf("the request payload is empty").Because(err)
	case errors.As(err, &syntax):
		return fault.Invalidf("the request payload is not valid JSON at byte %d", syntax.ByteOffset).Because(err)
	}
	return fmt.Errorf("read request body: %w", err)
}
