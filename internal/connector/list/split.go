package list

import (
	"bytes"
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
	quotes bool // a quoted field may hold line ends
	read   int64
	rest   []byte // the beginning of the next block
	eof    bool
}

// open reads the beginning of a list and takes its byte order mark away.
func (s *splitter) open() error {
	if err := s.fill(); err != nil {
		return err
	}
	if bytes.HasPrefix(s.rest, []byte("\xff\xfe")) || bytes.HasPrefix(s.rest, []byte("\xfe\xff")) {
		return fault.Invalidf("the list is UTF-16; save it as UTF-8")
	}
	if bytes.HasPrefix(s.rest, []byte("PK\x03\x04")) || bytes.HasPrefix(s.rest, []byte("\x1f\x8b")) || bytes.HasPrefix(s.rest, []byte("\x28\xb5\x2f\xfd")) {
		return fault.Invalidf("the list is a compressed file or a spreadsheet; send plain text, or say so in Content-Encoding (gzip, zstd)")
	}
	s.rest = bytes.TrimPrefix(s.rest, []byte("\xef\xbb\xbf"))
	return nil
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

// next returns the next block, [io.EOF] when there is none.
func (s *splitter) next() (*block, error) {
	if err := s.fill(); err != nil {
		return nil, err
	}
	if len(s.rest) == 0 {
		return nil, io.EOF
	}
	end := s.lastEnd(s.rest)
	switch {
	case s.eof:
		end = len(s.rest)
	case end == 0:
		return s.skipRow()
	}
	b := &block{data: s.rest[:end:end]}
	s.rest = s.rest[end:]
	return b, nil
}

// lastEnd returns where the last whole row ends, 0 if there is none.
func (s *splitter) lastEnd(data []byte) int {
	if !s.quotes || bytes.IndexByte(data, '"') < 0 {
		return bytes.LastIndexByte(data, '\n') + 1
	}
	end := 0
	for at := 0; at < len(data); {
		n := rowEnd(data[at:])
		if n == 0 {
			break
		}
		at += n
		end = at
	}
	return end
}

// rowEnd returns where the first row of a CSV ends, 0 if its end isn't there.
func rowEnd(data []byte) int {
	// may: a quote here begins a quoted part, because a field begins or the quote is a doubled one.
	quoted, may := false, true
	for i, c := range data {
		switch {
		case quoted:
			if c == '"' {
				quoted, may = false, true
			}
		case c == '"' && may:
			quoted = true
		case c == '\n':
			return i + 1
		default:
			may = c == ','
		}
	}
	return 0
}

// skipRow reads past a row that is longer than a block.
func (s *splitter) skipRow() (*block, error) {
	quotes := s.quotes
	s.quotes = false // whatever its quotes mean, the next line end ends it
	defer func() { s.quotes = quotes }()
	for {
		if i := bytes.IndexByte(s.rest, '\n'); i >= 0 {
			s.rest = s.rest[i+1:]
			break
		}
		s.rest = nil
		if s.eof {
			break
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
	return &block{long: true}, nil
}

// usual are names that the column of the key has as a rule, in lower case.
var usual = []string{"key", "id", "userkey", "user_key", "user key", "userid", "user_id", "user id", "contextkey", "context_key", "context key", "email"}

func isUsual(name string) bool {
	return slices.Contains(usual, strings.ToLower(strings.TrimSpace(name)))
}

// begin reads the header of a CSV, if it has one, and finds the column.
func (s *splitter) begin(o Options) (*csvParser, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	index, err := strconv.Atoi(o.Column)
	named := err != nil && o.Column != ""
	if named {
		index = 0
	}
	if index < 0 || index > maxColumn {
		return nil, fault.Invalidf("the column %s can't be; columns count from 0 to %d", o.Column, maxColumn)
	}
	end := rowEnd(s.rest)
	if end == 0 {
		end = len(s.rest)
	}
	names := fields(s.rest[:end])
	header := named || len(names) > 0 && isUsual(names[min(index, len(names)-1)])
	if o.Header != nil {
		header = *o.Header
	}
	if !header {
		if named {
			return nil, fault.Invalidf("the column %q can't be found without a header row; give its index, counted from 0", clip(o.Column))
		}
		return &csvParser{column: index}, nil
	}
	s.rest = s.rest[end:]
	if named {
		index = -1
		for i, name := range names {
			if strings.EqualFold(strings.TrimSpace(name), strings.TrimSpace(o.Column)) {
				index = i
				break
			}
		}
		if index < 0 {
			return nil, fault.Invalidf("the list has no column %q; it has %s", clip(o.Column), clip(strings.Join(names, ", ")))
		}
	}
	return &csvParser{column: index}, nil
}

func clip(s string) string {
	const most = 200
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
