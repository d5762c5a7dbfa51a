package roster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"muster/internal/segment"
)

// partitions is how many parts a list is split into, by the first byte of the hash.
const partitions = 256

// chunkBytes is how much of one partition a writer collects before it hands it over.
const chunkBytes = 32 << 10

// Memory bounds what builders keep in memory together; the rest goes to their scratch files.
type Memory struct{ left atomic.Int64 }

// NewMemory returns a bound of so many bytes.
func NewMemory(n int64) *Memory {
	m := &Memory{}
	m.left.Store(n)
	return m
}

// take reports whether there was room, which is taken then.
func (m *Memory) take(n int64) bool {
	if m.left.Add(-n) >= 0 {
		return true
	}
	m.left.Add(n)
	return false
}

// Scratch is a file for what does not fit into memory. Its methods may be called by any number of
// goroutines.
type Scratch interface {
	io.WriterAt
	io.ReaderAt
	io.Closer
}

// Builder collects context keys of any number in any order and builds a roster of them. Its memory
// is bounded: keys lie in partitions by their hash, and each partition is sorted alone.
type Builder struct {
	scratch func() (Scratch, error)
	memory  *Memory
	workers int
	entries atomic.Int64
	effects segment.Effects // of what was built last

	mu     sync.Mutex
	file   Scratch
	end    int64
	taken  int64 // of memory
	chunks [partitions][]chunk
	counts [partitions]int
	err    error // why nothing can be added any more
}

// chunk is a piece of a partition, in memory or in the scratch file.
type chunk struct {
	memory []byte
	off    int64
	size   int
}

// NewBuilder returns an empty builder, which must be discarded at the end. Build works with so many
// goroutines. The scratch file is made when there is no memory left.
func NewBuilder(memory *Memory, workers int, scratch func() (Scratch, error)) *Builder {
	return &Builder{scratch: scratch, memory: memory, workers: workers}
}

// Len returns how many keys were added, repeats included.
func (b *Builder) Len() int64 { return b.entries.Load() }

var errDiscarded = errors.New("the list was discarded")

// Discard frees everything. Writers may still be at work; they get an error.
func (b *Builder) Discard() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = errDiscarded
	b.chunks = [partitions][]chunk{}
	b.memory.left.Add(b.taken)
	b.taken = 0
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}

// BuilderWriter adds keys for one goroutine.
type BuilderWriter struct {
	b       *Builder
	buffers [partitions][]byte
	counts  [partitions]int
	grown   [partitions]bool // a buffer of full size was handed over
	n       int64
}

// Writer returns a writer. Several may be used at once.
func (b *Builder) Writer() *BuilderWriter { return &BuilderWriter{b: b} }

// Append adds a key, which is copied.
func (w *BuilderWriter) Append(key []byte) error {
	if len(key) == 0 || len(key) > segment.MaxKeyBytes {
		return fmt.Errorf("context key of %d bytes: 1 to %d are allowed", len(key), segment.MaxKeyBytes)
	}
	return w.AppendHash(segment.HashOf(key), key)
}

// AppendHash adds a context whose hash is known already; its key may be absent.
func (w *BuilderWriter) AppendHash(h segment.Hash, key []byte) error {
	p := h[0]
	buf := w.buffers[p]
	if len(buf)+len(h)+binary.MaxVarintLen16+len(key) > cap(buf) {
		if len(buf) >= chunkBytes/2 {
			if err := w.flush(int(p)); err != nil {
				return err
			}
			buf = w.buffers[p]
		}
		if need := len(buf) + len(h) + binary.MaxVarintLen16 + len(key); need > cap(buf) {
			size := min(chunkBytes, max(4*cap(buf), 256))
			if w.grown[p] {
				size = chunkBytes
			}
			buf = append(make([]byte, 0, max(need, size)), buf...)
		}
	}
	buf = append(buf, h[:]...)
	buf = binary.AppendUvarint(buf, uint64(len(key)))
	w.buffers[p] = append(buf, key...)
	w.counts[p]++
	w.n++
	return nil
}

// flush hands the buffer of a partition over.
func (w *BuilderWriter) flush(p int) error {
	buf := w.buffers[p]
	if len(buf) == 0 {
		return nil
	}
	c := chunk{size: len(buf)}
	if w.b.memory.take(int64(cap(buf))) {
		c.memory = buf
	} else {
		off, file, err := w.b.claim(int64(len(buf)))
		if err != nil {
			return err
		}
		if _, err := file.WriteAt(buf, off); err != nil {
			return fmt.Errorf("write scratch file: %w", err)
		}
		c.off = off
	}
	if err := w.b.add(p, c, w.counts[p]); err != nil {
		return err
	}
	w.counts[p] = 0
	if c.memory != nil {
		w.buffers[p] = nil
		w.grown[p] = true
	} else {
		w.buffers[p] = buf[:0]
	}
	return nil
}

// add makes a chunk of n entries part of a partition.
func (b *Builder) add(p int, c chunk, n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		b.memory.left.Add(int64(cap(c.memory)))
		return b.err
	}
	b.taken += int64(cap(c.memory))
	b.chunks[p] = append(b.chunks[p], c)
	b.counts[p] += n
	return nil
}

// claim returns where in the scratch file so many bytes may be written.
func (b *Builder) claim(n int64) (off int64, file Scratch, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, nil, b.err
	}
	if b.file == nil {
		if b.file, b.err = b.scratch(); b.err != nil {
			b.err = fmt.Errorf("open scratch file: %w", b.err)
			return 0, nil, b.err
		}
	}
	off = b.end
	b.end += n
	return off, b.file, nil
}

// Close makes everything that was added part of the list.
func (w *BuilderWriter) Close() error {
	for p := range w.buffers {
		if err := w.flush(p); err != nil {
			return err
		}
	}
	w.b.entries.Add(w.n)
	w.buffers = [partitions][]byte{}
	w.n = 0
	return nil
}
