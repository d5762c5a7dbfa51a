package connector

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"muster/internal/segment"
)

// generated is a body of any number of members that exists only while it is read: every member is
// as long as the first.
type generated struct {
	head, tail string
	row        func(i int, dst []byte) []byte
	rows       int
	size       int // of one row
	at         int64
	buf        []byte
}

func newGenerated(head, tail string, rows int, row func(i int, dst []byte) []byte) *generated {
	return &generated{head: head, tail: tail, rows: rows, row: row, size: len(row(0, nil))}
}

func (g *generated) len() int64 { return int64(len(g.head) + g.rows*g.size + len(g.tail)) }

func (g *generated) Read(p []byte) (int, error) {
	if g.at >= g.len() {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && g.at < g.len() {
		k := copy(p[n:], g.piece())
		n += k
		g.at += int64(k)
	}
	return n, nil
}

// piece returns what stands from the present position to the end of the head, row or tail there.
func (g *generated) piece() []byte {
	at := int(g.at)
	if at < len(g.head) {
		return []byte(g.head[at:])
	}
	at -= len(g.head)
	if i := at / g.size; i < g.rows {
		g.buf = g.row(i, g.buf[:0])
		return g.buf[at%g.size:]
	}
	return []byte(g.tail[at-g.rows*g.size:])
}

func (g *generated) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return 0, errors.New("only from the start")
	}
	g.at = offset
	return offset, nil
}

// numbered returns rows that differ in a number and in what separates the first from nothing.
func numbered(before, behind string) func(i int, dst []byte) []byte {
	return func(i int, dst []byte) []byte {
		sep := byte(',')
		if i == 0 {
			sep = ' '
		}
		dst = append(append(dst, sep), before...)
		dst = append(dst, "000000000"...)
		for at := len(dst) - 1; i > 0; at, i = at-1, i/10 {
			dst[at] += byte(i % 10)
		}
		return append(dst, behind...)
	}
}

// amplitudeRows is a body of the boolean shape.
func amplitudeRows(rows int) *generated {
	return newGenerated(`{"environmentId":"64b0c9f2a1d3e4f5061728aa","batch":[`, `]}`, rows,
		numbered(`{"userId":"user-`, `@example.org","cohortName":"Power editors","cohortId":"q7x2m9ka","value":true}`))
}

func heapNow() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func TestMemoryIsThatOfTheChanges(t *testing.T) {
	const rows, limit = 1_000_000, 160 << 20
	body := amplitudeRows(rows)
	before := heapNow()
	p, err := shippedTool(t, "amplitude").Parse(body, "")
	if err != nil {
		t.Fatal(err)
	}
	grown := heapNow() - before
	if grown > limit {
		t.Errorf("%d MiB of body hold %d MiB of heap, the limit is %d MiB", body.len()>>20, grown>>20, limit>>20)
	}
	if got := p.Batch.Cohorts[0].Changes.Len(); got != rows {
		t.Errorf("%d changes", got)
	}
	runtime.KeepAlive(p)
}

func TestMemoryOfAHugeFieldIsBounded(t *testing.T) {
	body := newGenerated(`{"environmentId":"e","x":"`, `","batch":[]}`, 1<<16, func(_ int, dst []byte) []byte {
		return append(dst, strings.Repeat("x", 1024)...)
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := shippedTool(t, "amplitude").Parse(body, "")
	runtime.ReadMemStats(&after)
	if err == nil || err.Error() != "a value in the request payload is longer than 1048576 bytes" {
		t.Errorf("error is %v", err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%d MiB allocated for one field", grown>>20)
	}
}

func TestSkippedArraysNeedNoMemory(t *testing.T) {
	body := newGenerated(`{"environmentId":"e","x":[1`, `],"batch":[]}`, 200_000, func(_ int, dst []byte) []byte {
		return append(dst, `,{"id":"0123456789","tags":["a","b"],"n":1.5e3}`...)
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, err := shippedTool(t, "amplitude").Parse(body, "")
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d KiB allocated for fields nobody asked for", grown>>10)
	}
	if p.Batch.Environment != segment.EnvID("e") {
		t.Errorf("environment %q", p.Batch.Environment)
	}
}

// listRows is a body of the two-list shape that adds every member.
func listRows(rows int) *generated {
	return newGenerated(`{"environmentId":"64b0c9f2a1d3e4f5061728aa","cohortId":"rs-aud-17","cohortName":"Dormant","listData":{"remove":[],"add":[`, `]}}`, rows,
		numbered(`{"id":"user-`, `@example.org"}`))
}
