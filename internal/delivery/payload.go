package delivery

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
)

// wire is a flag or segment as SDKs receive it. It never changes.
type wire struct {
	dependency
	version int
	name    []byte // the key as a JSON string
	json    []byte
	begins  bool // a sheet begins with it
}

func newWire(of dependency, version int, json []byte) *wire {
	h := fnv.New32a()
	_, _ = h.Write([]byte(of.key)) // never fails
	return &wire{dependency: of, version: version, name: quote(of.key), json: json, begins: h.Sum32()%sheetSize == 0}
}

// sheetSize is how many flags or segments a sheet has on average: so many are encoded anew for a change of one.
const sheetSize = 32

// sheet is flags or segments that follow each other in a payload, encoded once. Snapshots share the sheets in which
// nothing changed, so that a change of one flag costs one sheet, not all that SDKs load. Keys alone say
// where a sheet begins, so that payloads of the same content have the same sheets.
type sheet struct {
	wires []*wire // at least one, by key
	forms [forms]encoded
}

// form is how flags and segments stand in what SDKs load.
type form int

const (
	asMembers form = iota // of a JSON object
	asEvents              // of a stream in the second protocol
	asItems               // of a poll in the second protocol, each with a comma before it

	forms = iota
)

// encoded is a sheet in one form, made when it is first needed.
type encoded struct {
	join sync.Once
	text []byte
	sum  [sha256.Size]byte

	zip      sync.Once
	deflated []byte
}

// revised returns sheets in which some keys have what is there now, nil if nothing is. Keys are sorted.
func revised(sheets []*sheet, keys []string, now func(key string) *wire) []*sheet {
	if len(keys) == 0 {
		return sheets
	}
	out := make([]*sheet, 0, len(sheets)+1)
	var open []*wire // a sheet that is not closed yet
	for i := range max(1, len(sheets)) {
		mine := keys
		if i+1 < len(sheets) {
			n, _ := slices.BinarySearch(keys, sheets[i+1].wires[0].key)
			mine = keys[:n]
		}
		keys = keys[len(mine):]
		var before []*wire
		if len(sheets) > 0 {
			before = sheets[i].wires
		}
		if len(mine) == 0 {
			out, open = appendSheet(out, open), nil
			out = append(out, sheets[i])
			continue
		}
		for _, w := range merged(before, mine, now) {
			switch {
			case w.begins:
				out, open = appendSheet(out, open), nil
			case len(open) == 0 && len(out) > 0: // what its sheet began with is gone
				open = slices.Clone(out[len(out)-1].wires)
				out = out[:len(out)-1]
			}
			open = append(open, w)
		}
	}
	return appendSheet(out, open)
}

func appendSheet(sheets []*sheet, wires []*wire) []*sheet {
	if len(wires) == 0 {
		return sheets
	}
	return append(sheets, &sheet{wires: wires})
}

// merged returns wires in which some keys have what is there now.
func merged(before []*wire, keys []string, now func(key string) *wire) []*wire {
	all := make([]*wire, 0, len(before)+len(keys))
	for _, key := range keys {
		n, found := slices.BinarySearchFunc(before, key, func(w *wire, key string) int { return strings.Compare(w.key, key) })
		all = append(all, before[:n]...)
		if found {
			n++
		}
		before = before[n:]
		if w := now(key); w != nil {
			all = append(all, w)
		}
	}
	return append(all, before...)
}

// in returns the sheet in a form.
func (s *sheet) in(f form) *encoded {
	e := &s.forms[f]
	e.join.Do(func() {
		size := 0
		for _, w := range s.wires {
			size += w.size(f)
		}
		e.text = make([]byte, 0, size)
		for i, w := range s.wires {
			if f == asMembers && i > 0 {
				e.text = append(e.text, ',')
			}
			e.text = w.appendTo(e.text, f)
		}
		e.sum = sha256.Sum256(e.text)
	})
	return e
}

// size returns about how many bytes w takes.
func (w *wire) size(f form) int {
	n := len(w.name) + len(w.json) + len(":,")
	if f != asMembers {
		n += len(`,{"event":"put-object","data":{"kind":"segment","key":,"version":1234567,"object":}}`)
	}
	return n
}

func (w *wire) appendTo(b []byte, f form) []byte {
	switch f {
	case asEvents:
		return appendPut(b, streamFrame, w)
	case asItems:
		return appendPut(b, pollFrame, w)
	default:
		return append(append(append(b, w.name...), ':'), w.json...)
	}
}

// compressed returns the text as blocks of deflate.
func (e *encoded) compressed() []byte {
	e.zip.Do(func() { e.deflated = deflated(e.text) })
	return e.deflated
}

// piece is a part of a payload: a sheet in a form, or what stands between two.
type piece struct {
	sheet *sheet
	form  form
	text  []byte
}

// Payload is what SDKs load whole, in pieces that other payloads share. It never changes.
type Payload struct {
	// JSON is to be written piece by piece.
	JSON [][]byte
	// ETag tells payloads of different content apart.
	ETag string

	pieces []piece
	zip    sync.Once
	gzip   [][]byte
}

// newPayload encodes what was not encoded before.
func newPayload(pieces []piece) *Payload {
	p := &Payload{pieces: pieces, JSON: written(pieces)}
	h := sha256.New()
	for _, piece := range pieces {
		if piece.sheet != nil {
			h.Write(piece.sheet.in(piece.form).sum[:])
		} else {
			h.Write(piece.text)
		}
	}
	p.ETag = etag(h.Sum(nil))
	return p
}

// written returns the bytes of pieces.
func written(pieces []piece) [][]byte {
	all := make([][]byte, len(pieces))
	for i, piece := range pieces {
		if all[i] = piece.text; piece.sheet != nil {
			all[i] = piece.sheet.in(piece.form).text
		}
	}
	return all
}

// Gzip returns the payload's compressed form, in pieces too. What other payloads share is compressed
// once for all of them.
func (p *Payload) Gzip() [][]byte {
	p.zip.Do(func() {
		const noName = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" // deflate, no time, no name, unknown system
		p.gzip = append(p.gzip, []byte(noName))
		var sum, size uint32
		for i, piece := range p.pieces {
			if piece.sheet != nil {
				p.gzip = append(p.gzip, piece.sheet.in(piece.form).compressed())
			} else {
				p.gzip = append(p.gzip, deflated(piece.text))
			}
			sum = crc32.Update(sum, crc32.IEEETable, p.JSON[i])
			size += uint32(len(p.JSON[i]))
		}
		end := []byte{3, 0} // an empty last block
		end = binary.LittleEndian.AppendUint32(end, sum)
		p.gzip = append(p.gzip, binary.LittleEndian.AppendUint32(end, size))
	})
	return p.gzip
}

// deflated returns text as blocks of deflate that end with a byte and refer to nothing before them, so
// that they can stand anywhere in a stream.
func deflated(text []byte) []byte {
	const short = 64 // bytes that are not worth compressing
	if n := len(text); n <= short {
		b := binary.LittleEndian.AppendUint16([]byte{0}, uint16(n))
		return append(binary.LittleEndian.AppendUint16(b, ^uint16(n)), text...)
	}
	var out bytes.Buffer
	w := flaters.Get().(*flate.Writer)
	defer flaters.Put(w)
	w.Reset(&out)
	_, _ = w.Write(text) // a bytes.Buffer takes everything
	_ = w.Flush()
	return bytes.Clone(out.Bytes())
}

var flaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.DefaultCompression) // the level is a valid one
	return w
}}
