// Package list reads the formats in which a whole list of context keys arrives, CSV, lines of JSON
// and JSON arrays, and writes the first two.
//
// A list may have any size: it is read once, in blocks that are parsed in parallel, and memory is
// bounded by the size of a block, never by the shape of the list. A row that can't be used is
// skipped and reported with its number. A list that can't be what it claims to be, or of which nobody
// can say where its rows end, is refused with [fault.Invalid]. The package knows nothing of what becomes of the keys.
package list

import (
	"context"
	"io"
	"sync"
	"unicode/utf8"

	"muster/internal/fault"
	"muster/internal/segment"
)

// Format is the form of a list.
type Format uint8

// The formats.
const (
	CSV    Format = iota // one row a line, one field of it is the key
	NDJSON               // one JSON string or object a line
	JSON                 // one array of strings or of objects
)

// Options says how a list is to be read.
type Options struct {
	Format Format
	// Column is the name of the field that holds the key, or its index counted from 0. Empty means
	// the first column, and in objects the first of the usual names that is there.
	Column string
	// Header says whether the first row of a CSV names the columns. Nil: it does if Column is a name,
	// or if its first field is one of the usual names for a key.
	Header *bool
	// Separator stands between the fields of a CSV. 0: the first of comma, semicolon and tab with which
	// there is the column; the comma if there is none.
	Separator byte
	// Skip is told of every row that can't be used, in the order of rows, by one goroutine. Rows are
	// numbered from 1 as they stand in the list, header and empty rows too, elements of an array as they
	// come.
	Skip func(row int64, reason, value string)
	// Progress is told now and then how many rows were read.
	Progress func(rows int64)
}

// Sink takes keys. It is used by one goroutine.
type Sink interface {
	// Append takes a key, which is valid until it returns.
	Append(key []byte) error
}

// Summary is what a list held.
type Summary struct {
	Rows    int64 // without header and empty lines
	Skipped int64
	Bytes   int64
}

// Limits of a row.
const (
	blockBytes = 1 << 20
	maxRow     = 1 << 20 // bytes; a list with a longer one is refused
	maxSample  = 64      // bytes of a value that Skip is told
)

// Read reads a list and hands its keys to the sinks, one of which each parsing goroutine uses. It
// ends early with the context, with an error of the reader or of a sink, or with a fault of kind
// Invalid.
func Read(ctx context.Context, r io.Reader, o Options, sinks []Sink) (Summary, error) {
	if o.Skip == nil {
		o.Skip = func(int64, string, string) {}
	}
	if o.Progress == nil {
		o.Progress = func(int64) {}
	}
	if o.Format == JSON {
		return readArray(ctx, r, o, sinks[0])
	}
	return readLines(ctx, r, o, sinks)
}

// skip is a row that can't be used. Its row counts from the beginning of its block.
type skip struct {
	row    int64
	reason string
	value  string
}

// block is a number of whole rows on its way through the parsers.
type block struct {
	n     int // counts from 0
	data  []byte
	lines int64 // rows that were looked at, empty ones too
	rows  int64
	skips []skip
	// broken says what is wrong with the row that was looked at last, so that the list can't be read
	// any further.
	broken string
	err    error // of the sink
}

// rowParser parses the rows of a block into a sink.
type rowParser interface {
	parse(b *block, to Sink)
}

// readLines splits the list into blocks at ends of rows, has them parsed in parallel and reports
// skipped rows in order.
func readLines(ctx context.Context, r io.Reader, o Options, sinks []Sink) (Summary, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &splitter{r: r}
	var parser rowParser = &objectParser{column: o.Column}
	if o.Format == CSV {
		csv, err := s.begin(o)
		if err != nil {
			return Summary{}, err
		}
		parser, s.csv = csv, csv
	} else if err := s.open(); err != nil {
		return Summary{}, err
	}
	work := make(chan *block)
	done := make(chan *block)
	inFlight := make(chan struct{}, 2*len(sinks))
	var readErr error
	go func() {
		defer close(work)
		readErr = s.split(ctx, inFlight, work)
	}()
	var parsing sync.WaitGroup
	for _, sink := range sinks {
		parsing.Go(func() {
			for b := range work {
				if b.broken == "" {
					parser.parse(b, sink)
				}
				done <- b
			}
		})
	}
	go func() {
		parsing.Wait()
		close(done)
	}()
	sum, err := collect(done, inFlight, s.header, o)
	cancel()
	for range done { // takes every block, so that nobody is left behind
	}
	sum.Bytes = s.read
	if err == nil {
		err = readErr
	}
	if err == nil && sum.Rows == 0 {
		err = fault.Invalidf("the list holds no row")
	}
	if err == nil && sum.Rows == sum.Skipped {
		err = fault.Invalidf("no row of the list can be used as a context key; check the format and the column")
	}
	return sum, err
}

// collect puts parsed blocks into order and reports what was skipped, until there are no more or one
// can't be used. Rows are numbered as a spreadsheet numbers them; lines is how many stand before the
// first block.
func collect(done <-chan *block, inFlight <-chan struct{}, lines int64, o Options) (sum Summary, err error) {
	early := make(map[int]*block)
	next := 0
	for b := range done {
		early[b.n] = b
		for b := early[next]; b != nil; b = early[next] {
			delete(early, next)
			next++
			for _, s := range b.skips {
				o.Skip(lines+s.row, s.reason, s.value)
			}
			lines += b.lines
			sum.Rows += b.rows
			sum.Skipped += int64(len(b.skips))
			o.Progress(sum.Rows)
			<-inFlight
			switch {
			case b.err != nil:
				return sum, b.err
			case b.broken != "":
				return sum, fault.Invalidf("row %d of the list %s", lines, b.broken)
			}
		}
	}
	return sum, nil
}

// take hands a key over unless it can't be one, and says why not.
func (b *block) take(key []byte, to Sink) {
	b.rows++
	reason := ""
	switch {
	case len(key) == 0:
		reason = "the key is empty"
	case len(key) > segment.MaxKeyBytes:
		reason = "the key is longer than 2048 bytes"
	case !utf8.Valid(key):
		reason = "the key is not UTF-8"
	default:
		if err := to.Append(key); err != nil && b.err == nil {
			b.err = err
		}
		return
	}
	b.refuse(reason, key)
}

// skip leaves out a row that has no key.
func (b *block) skip(reason string, value []byte) {
	b.rows++
	b.refuse(reason, value)
}

// refuse leaves out the row that was counted last.
func (b *block) refuse(reason string, value []byte) {
	if len(value) > maxSample {
		value = value[:maxSample]
	}
	b.skips = append(b.skips, skip{row: b.lines, reason: reason, value: string(value)})
}
