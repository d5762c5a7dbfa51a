package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"muster/internal/store"
)

// encodeChanges returns the changes of a delta, with their keys, as a row keeps them.
func (d *delta) encodeChanges() []byte {
	b := make([]byte, 0, 16+len(d.hashes)*33+len(d.keys))
	b = d.appendChanges(b)
	b = append(b, d.keys...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeChanges reads what encodeChanges has written. The error wraps [store.ErrCorrupt].
func decodeChanges(b []byte) (*delta, error) {
	if len(b) < crc32.Size {
		return nil, fmt.Errorf("changes of %d bytes: %w", len(b), store.ErrCorrupt)
	}
	body := b[:len(b)-crc32.Size]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, fmt.Errorf("changes fail their checksum: %w", store.ErrCorrupt)
	}
	dec := decoder{b: body}
	d := &delta{}
	dec.changes(d)
	if dec.broken {
		return nil, fmt.Errorf("changes of %d bytes are malformed: %w", len(b), store.ErrCorrupt)
	}
	d.offs = make([]uint32, len(d.hashes))
	if err := d.placeKeys(bytes.Clone(dec.b)); err != nil { // the row belongs to whoever read it
		return nil, err
	}
	return d, nil
}
