package roster

import (
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/klauspost/compress/zstd"

	"muster/internal/segment"
	"muster/internal/store"
)

// keyBlockBytes is the size at which a block of keys is closed, before compression.
const keyBlockBytes = 16 << 10

// maxKeyBlockBytes bounds what a block of keys can decompress to: it is closed at the latest by a
// key of the greatest length.
const maxKeyBlockBytes = keyBlockBytes + segment.MaxKeyBytes + binary.MaxVarintLen16

// Making an encoder or a decoder costs far more than a block does, and rosters are many.
var (
	encoders = sync.Pool{New: func() any {
		e, err := zstd.NewWriter(nil,
			zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(1),
			zstd.WithAllLitEntropyCompression(true), // keys are short and random: entropy is all there is to gain
			zstd.WithLowerEncoderMem(true),
			zstd.WithWindowSize(32<<10),
			zstd.WithSingleSegment(true),
			zstd.WithEncoderCRC(false))
		if err != nil {
			panic(err)
		}
		return e
	}}
	decoders = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(64<<10),
			zstd.WithDecoderMaxMemory(64<<10))
		if err != nil {
			panic(err)
		}
		return d
	}}
)

// keyBlock collects the keys of consecutive entries: first all lengths, then all bytes.
type keyBlock struct {
	lengths []byte
	keys    []byte
	payload []byte
	packed  []byte
}

func (k *keyBlock) add(key []byte) {
	k.lengths = binary.AppendUvarint(k.lengths, uint64(len(key)))
	k.keys = append(k.keys, key...)
}

func (k *keyBlock) full() bool { return len(k.lengths)+len(k.keys) >= keyBlockBytes }

// pack returns the compressed block and starts a new one. A block without any key is empty.
func (k *keyBlock) pack() []byte {
	k.packed = k.packed[:0]
	if len(k.keys) > 0 {
		k.payload = append(append(k.payload[:0], k.lengths...), k.keys...)
		e := encoders.Get().(*zstd.Encoder)
		k.packed = e.EncodeAll(k.payload, k.packed)
		encoders.Put(e)
	}
	k.lengths, k.keys = k.lengths[:0], k.keys[:0]
	return k.packed
}

// keyCursor yields the keys of a group in order, from any entry on.
type keyCursor struct {
	r       *Roster
	g       *group
	next    int // the key block to read next
	end     int // the entry with which the present block ends
	payload []byte
	lengths []byte
	keys    []byte
}

// keysFrom returns a cursor whose first key is that of entry i. It reuses buffers of old.
func (r *Roster) keysFrom(g *group, i int, old keyCursor) (keyCursor, error) {
	c := keyCursor{r: r, g: g, payload: old.payload[:0]}
	if g.keyBlocks == 0 {
		c.end = g.n
		return c, nil
	}
	if err := r.checked.bytes(g.index, g.index+uint64(g.keyBlocks)*keyIndexBytes); err != nil {
		return c, err
	}
	low, high := 0, g.keyBlocks
	for high-low > 1 {
		if mid := (low + high) / 2; r.keyIndex(g, mid).first <= i {
			low = mid
		} else {
			high = mid
		}
	}
	c.next = low
	first := r.keyIndex(g, low).first
	if err := c.load(first); err != nil {
		return c, err
	}
	for ; first < i; first++ {
		if _, err := c.key(first); err != nil {
			return c, err
		}
	}
	return c, nil
}

// keyIndexEntry says where one block of keys stands.
type keyIndexEntry struct {
	first int    // the first entry of the block
	end   uint64 // where the block ends, counted from the group's keys
}

func (r *Roster) keyIndex(g *group, i int) keyIndexEntry {
	e := r.b[g.index+uint64(i)*keyIndexBytes:][:keyIndexBytes]
	return keyIndexEntry{int(binary.LittleEndian.Uint32(e)), uint64(binary.LittleEndian.Uint32(e[4:]))}
}

func appendKeyIndex(b []byte, e keyIndexEntry) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(e.first))
	return binary.LittleEndian.AppendUint32(b, uint32(e.end))
}

// load reads the next block, which must begin with the given entry.
func (c *keyCursor) load(entry int) error {
	if c.next >= c.g.keyBlocks {
		return corruptf("no key block holds entry %d", entry)
	}
	at, from := c.r.keyIndex(c.g, c.next), uint64(0)
	if c.next > 0 {
		from = c.r.keyIndex(c.g, c.next-1).end
	}
	c.next++
	c.end = c.g.n
	if c.next < c.g.keyBlocks {
		c.end = c.r.keyIndex(c.g, c.next).first
	}
	from, to := c.g.keys+from, c.g.keys+at.end
	if at.first != entry || c.end <= entry || c.end > c.g.n || from > to || to > c.g.index {
		return corruptf("key block %d holds entries %d to %d in bytes %d to %d", c.next-1, at.first, c.end, from, to)
	}
	c.lengths, c.keys = nil, nil
	if from == to {
		return nil
	}
	if err := c.r.checked.bytes(from, to); err != nil {
		return err
	}
	return c.unpack(c.r.b[from:to], c.end-entry)
}

func (c *keyCursor) unpack(packed []byte, n int) error {
	d := decoders.Get().(*zstd.Decoder)
	payload, err := d.DecodeAll(packed, c.payload[:0])
	decoders.Put(d)
	c.payload = payload
	if err != nil {
		return corruptf("unpack key block %d: %v", c.next-1, err)
	}
	if len(payload) > maxKeyBlockBytes {
		return corruptf("key block %d is %d bytes long", c.next-1, len(payload))
	}
	off, total := 0, uint64(0)
	for range n {
		size, used := binary.Uvarint(payload[off:])
		if used <= 0 || size > segment.MaxKeyBytes {
			return corruptf("key block %d has a bad length", c.next-1)
		}
		off += used
		total += size
	}
	if total != uint64(len(payload)-off) {
		return corruptf("key block %d has %d bytes of keys, not %d", c.next-1, len(payload)-off, total)
	}
	c.lengths, c.keys = payload[:off], payload[off:]
	return nil
}

// key returns the key of entry i, which must be the one after the last; nil if it is not known. It
// is valid until the next call.
func (c *keyCursor) key(i int) ([]byte, error) {
	if i == c.end {
		if err := c.load(i); err != nil {
			return nil, err
		}
	}
	if len(c.lengths) == 0 {
		return nil, nil
	}
	size, used := binary.Uvarint(c.lengths)
	key := c.keys[:size:size]
	c.lengths, c.keys = c.lengths[used:], c.keys[size:]
	if size == 0 {
		return nil, nil
	}
	return key, nil
}

// Key returns the key of a context; nil if the roster does not hold the context or its key. The
// error wraps [store.ErrCorrupt].
func (r *Roster) Key(h segment.Hash) (key []byte, err error) {
	defer store.CatchFault(debug.SetPanicOnFault(true), r.b, &err)
	g, i, err := r.locate(&h)
	if err != nil || g == nil {
		return nil, err
	}
	c, err := r.keysFrom(g, i, keyCursor{})
	if err != nil {
		return nil, err
	}
	if key, err = c.key(i); err != nil {
		return nil, fmt.Errorf("read the key of %s: %w", h, err)
	}
	return key, nil
}
