package list

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/fault"
)

// objectParser takes the key from JSON values, one a line.
type objectParser struct{ column string }

func (p *objectParser) parse(b *block, to Sink) {
	data := b.data
	for len(data) > 0 && b.err == nil {
		line := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			data = nil
		}
		b.lines++
		if len(line) > maxRow {
			b.broken = tooLong
			return
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if n := len(line); n >= 2 && line[0] == '"' && line[n-1] == '"' && bytes.IndexByte(line, '\\') < 0 && bytes.IndexByte(line[1:n-1], '"') < 0 {
			b.take(line[1:n-1], to)
			continue
		}
		dec := jsontext.NewDecoder(bytes.NewBuffer(line), jsontext.AllowDuplicateNames(true))
		key, reason, err := p.element(dec)
		if err == nil && reason == "" {
			if _, more := dec.ReadToken(); !errors.Is(more, io.EOF) {
				reason = "the line holds more than one value"
			}
		}
		switch {
		case err != nil:
			b.skip("the line is not JSON", line)
		case reason != "":
			b.skip(reason, line)
		default:
			b.take(key, to)
		}
	}
}

// element reads one element and returns its key, or why it has none.
func (p *objectParser) element(dec *jsontext.Decoder) (key []byte, reason string, err error) {
	switch dec.PeekKind() {
	case '{':
		return p.object(dec)
	case '"', '0':
		return scalar(dec)
	default:
		if err := dec.SkipValue(); err != nil {
			return nil, "", err
		}
		return nil, "the element is neither text nor an object", nil
	}
}

// scalar reads a text or a number as a key. Whole numbers are keys as they are written.
func scalar(dec *jsontext.Decoder) (key []byte, reason string, err error) {
	if dec.PeekKind() == '"' {
		t, err := dec.ReadToken()
		if err != nil {
			return nil, "", err
		}
		return []byte(t.String()), "", nil
	}
	v, err := dec.ReadValue()
	if err != nil {
		return nil, "", err
	}
	if bytes.ContainsAny(v, ".eE") {
		return nil, "the number is not a whole one", nil
	}
	return bytes.Clone(v), "", nil
}

// object reads an object and returns the key in its column.
func (p *objectParser) object(dec *jsontext.Decoder) (key []byte, reason string, err error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, "", err
	}
	found, rank := false, len(usual)
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, "", err
		}
		n := name.String()
		r := p.rank(n)
		if kind := dec.PeekKind(); r < 0 || found && r > rank || kind != '"' && kind != '0' {
			if err := dec.SkipValue(); err != nil {
				return nil, "", err
			}
			continue
		}
		k, why, err := scalar(dec)
		if err != nil {
			return nil, "", err
		}
		key, reason, found, rank = k, why, true, r
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, "", err
	}
	if !found {
		return nil, "the object has no such field", nil
	}
	return key, reason, nil
}

// errLarge says that an element is longer than elementReader lets it be.
var errLarge = errors.New("longer than 2 MiB")

// rank says how well a name suits the key, smaller is better; -1: not at all.
func (p *objectParser) rank(name string) int {
	if p.column != "" {
		if name == p.column {
			return 0
		}
		return -1
	}
	name = strings.ToLower(name)
	for i, u := range usual {
		if name == u {
			return i
		}
	}
	return -1
}

// readArray reads a JSON array element by element.
func readArray(ctx context.Context, r io.Reader, o Options, to Sink) (Summary, error) {
	s := &splitter{r: r}
	if err := s.open(); err != nil {
		return Summary{}, err
	}
	from := &elementReader{s: s, limit: s.read + 2*maxRow}
	dec := jsontext.NewDecoder(io.MultiReader(bytes.NewReader(s.rest), from), jsontext.AllowDuplicateNames(true))
	p := &objectParser{column: o.Column}
	b := &block{}
	var sum Summary
	err := p.array(ctx, dec, from, b, to, o, &sum)
	sum.Rows, sum.Bytes = b.rows, s.read
	var syntactic *jsontext.SyntacticError
	switch {
	case b.err != nil:
		return sum, b.err
	case errors.Is(err, errLarge):
		return sum, fault.Invalidf("element %d of the list is %v; a list has one key an element", b.rows+1, errLarge).Because(err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return sum, fault.Invalidf("the JSON array ends early, after %d elements; send the whole list again", b.rows).Because(err)
	case errors.As(err, &syntactic):
		return sum, fault.Invalidf("the list is not a JSON array: %s after %d elements, at byte %d", clip(syntactic.Err.Error()), b.rows, dec.InputOffset()).Because(err)
	case err != nil:
		return sum, err
	case sum.Rows == 0:
		return sum, nil
	case sum.Rows == sum.Skipped:
		return sum, fault.Invalidf("no element of the list can be used as a context key; check the format and the column")
	}
	return sum, nil
}

// elementReader goes on where a splitter has begun, up to a limit: the decoder keeps an element until
// it ends.
type elementReader struct {
	s     *splitter
	limit int64
}

func (e *elementReader) Read(p []byte) (int, error) {
	switch {
	case e.s.eof:
		return 0, io.EOF
	case e.s.read >= e.limit:
		return 0, errLarge
	}
	n, err := e.s.r.Read(p[:min(int64(len(p)), e.limit-e.s.read)])
	e.s.read += int64(n)
	return n, err
}

func (p *objectParser) array(ctx context.Context, dec *jsontext.Decoder, from *elementReader, b *block, to Sink, o Options, sum *Summary) error {
	t, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != '[' {
		return fault.Invalidf("the list is not a JSON array")
	}
	for dec.PeekKind() != ']' && b.err == nil {
		from.limit = max(from.limit, dec.InputOffset()+2*maxRow)
		key, reason, err := p.element(dec)
		if err != nil {
			return err
		}
		b.lines++
		if reason != "" {
			b.skip(reason, nil)
		} else {
			b.take(key, to)
		}
		for _, s := range b.skips {
			o.Skip(s.row, s.reason, s.value)
			sum.Skipped++
		}
		b.skips = b.skips[:0]
		if b.rows%4096 == 0 {
			o.Progress(b.rows)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	if b.err != nil {
		return b.err
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return fault.Invalidf("something follows the JSON array")
	}
	return nil
}
