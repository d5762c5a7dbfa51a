package list

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"muster/internal/fault"
)

// splitter cuts a list into blocks that end where a row ends.
type splitter struct {
	r      io.Reader
	csv    *csvParser // knows where rows end; nil: at every line end
	header int64      // rows before the first block
	read   int64
	rest   []byte // the beginning of the next block
	eof    bool
}

// open reads the beginning of a list and takes its byte order mark away.
func (s *splitter) open() error {
	if err := s.fill(); err != nil {
		return err
	}
	if isUTF16(s.rest) {
		return fault.Invalidf("the list is UTF-16; save it as UTF-8, which spreadsheets call CSV UTF-8")
	}
	for _, magic := range []string{"PK\x03\x04", "\xd0\xcf\x11\xe0", "\x1f\x8b", "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(s.rest, []byte(magic)) {
			return fault.Invalidf("the list is a compressed file or a spreadsheet; send plain text, or say so in Content-Encoding (gzip, zstd)")
		}
	}
	s.rest = bytes.TrimPrefix(s.rest, []byte("\xef\xbb\xbf"))
	return nil
}

// isUTF16 tells by the byte order mark, or because every second byte of the beginning is zero.
func isUTF16(b []byte) bool {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return true
	case len(b) < 4:
		return false
	}
	return b[0] == 0 && b[2] == 0 || b[1] == 0 && b[3] == 0
}

// fill reads until there is a block's worth of bytes, or no more.
func (s *splitter) fill() error {
	if s.eof || len(s.rest) >= blockBytes {
		return nil
	}
	buf := make([]byte, blockBytes+blockBytes/4)
	n := copy(buf, s.rest)
	for n < blockBytes {
		m, err := s.r.Read(buf[n:])
		n += m
		s.read += int64(m)
		if errors.Is(err, io.EOF) {
			s.eof = true
			break
		}
		if err != nil {
			return err
		}
	}
	s.rest = buf[:n]
	return nil
}

// split hands over one block after the other, each when there is room in flight for it.
func (s *splitter) split(ctx context.Context, inFlight chan<- struct{}, work chan<- *block) error {
	for n := 0; ; n++ {
		b, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b.n = n
		last := b.broken != "" // once handed over, the block is its parser's
		select {
		case inFlight <- struct{}{}:
			work <- b
		case <-ctx.Done():
			return ctx.Err()
		}
		if last {
			return nil
		}
	}
}

// next returns the next block, [io.EOF] when there is none.
func (s *splitter) next() (*block, error) {
	if err := s.fill(); err != nil {
		return nil, err
	}
	if len(s.rest) == 0 {
		return nil, io.EOF
	}
	end, broken := len(s.rest), ""
	switch {
	case s.eof:
	case s.csv != nil:
		end, broken = s.csv.lastEnd(s.rest)
	default:
		end = bytes.LastIndexByte(s.rest, '\n') + 1
	}
	if end == 0 {
		return &block{lines: 1, broken: cmp.Or(broken, tooLong)}, nil
	}
	b := &block{data: s.rest[:end:end]}
	s.rest = s.rest[end:]
	return b, nil
}

// usual are names that the column of the key has as a rule, in lower case.
var usual = []string{"key", "id", "userkey", "user_key", "user key", "userid", "user_id", "user id", "contextkey", "context_key", "context key", "email"}

func isUsual(name string) bool {
	return slices.Contains(usual, strings.ToLower(strings.TrimSpace(name)))
}

// begin reads the header of a CSV, if it has one, and finds the column and what separates it from
// others.
func (s *splitter) begin(o Options) (*csvParser, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	index, err := strconv.Atoi(o.Column)
	named := err != nil && o.Column != ""
	if !named && (index < 0 || index > maxColumn) {
		return nil, fault.Invalidf("the column %s can't be; columns count from 0 to %d", o.Column, maxColumn)
	}
	if named && o.Header != nil && !*o.Header {
		return nil, fault.Invalidf("the column %q can't be found without a header row; give its index, counted from 0", clip(o.Column))
	}
	// Spreadsheets write semicolons where the comma is the decimal sign, and tabs into text files.
	separators := []byte{',', ';', '\t'}
	if o.Separator != 0 {
		separators = []byte{o.Separator}
	}
	first := &csvParser{column: index, separator: separators[0]}
	for _, separator := range separators {
		p := &csvParser{column: index, separator: separator}
		names, end, lines := p.first(s.rest)
		if len(names) == 0 {
			return first, nil
		}
		known := isUsual(names[min(index, len(names)-1)])
		if named {
			p.column = slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), strings.TrimSpace(o.Column)) })
			known = p.column >= 0
		}
		if known && (o.Header == nil || *o.Header) {
			s.rest, s.header = s.rest[end:], lines
			return p, nil
		}
	}
	names, end, lines := first.first(s.rest)
	switch {
	case named:
		return nil, fault.Invalidf("the list has no column %q; it has %s", clip(o.Column), clip(strings.Join(names, ", ")))
	case o.Header != nil && *o.Header:
		s.rest, s.header = s.rest[end:], lines
	}
	return first, nil
}

func clip(s string) string {
	const most = 200
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
