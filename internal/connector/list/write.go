package list

import (
	"bufio"
	"bytes"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Writer writes a list from which Read takes the same keys. It is a [Sink].
type Writer struct {
	w      *bufio.Writer
	format Format
	begun  bool
}

// NewWriter returns a writer of CSV, one key a row, or of NDJSON, one object with the member "key" a
// line. A CSV has a header only if its first key would be taken for one.
func NewWriter(w io.Writer, f Format) *Writer {
	return &Writer{w: bufio.NewWriterSize(w, 256<<10), format: f}
}

// Append writes a key. What is not UTF-8 in it is replaced in NDJSON.
func (w *Writer) Append(key []byte) error {
	if w.format == NDJSON {
		_, _ = w.w.WriteString(`{"key":`) // the last write tells of errors
		b, _ := jsontext.AppendQuote(w.w.AvailableBuffer(), key)
		_, _ = w.w.Write(b)
		_, err := w.w.WriteString("}\n")
		return err
	}
	// A header keeps a first key from being taken for one, and its zero bytes for UTF-16.
	if !w.begun && (isUsual(string(key)) || bytes.IndexByte(key, 0) >= 0) {
		_, _ = w.w.WriteString(usual[0] + "\n") // the last write tells of errors
	}
	w.begun = true
	return w.row(key)
}

// row writes a row with one field. It is quoted if it would not be read as it is, or if a file that
// begins with it would be taken for something else than a CSV.
func (w *Writer) row(key []byte) error {
	blank := func(c byte) bool { return c == ' ' || c == '\t' }
	if len(key) > 0 && !bytes.ContainsAny(key, "\",\r\n\x03\ufeff") && !blank(key[0]) && !blank(key[len(key)-1]) {
		_, _ = w.w.Write(key) // the last write tells of errors
		return w.w.WriteByte('\n')
	}
	_ = w.w.WriteByte('"')
	_, _ = w.w.Write(bytes.ReplaceAll(key, []byte(`"`), []byte(`""`)))
	_, err := w.w.WriteString("\"\n")
	return err
}

// Flush writes what is still in memory.
func (w *Writer) Flush() error { return w.w.Flush() }
