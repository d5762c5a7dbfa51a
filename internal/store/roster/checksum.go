package roster

import (
	"encoding/binary"
	"hash/crc32"
	"sync/atomic"
)

// checks verifies blocks against their checksums, each once, when it is first touched.
type checks struct {
	data []byte
	sums []byte
	good []atomic.Uint64 // one bit for each block that was verified
}

func newChecks(b []byte, t trailer) checks {
	return checks{
		data: b[:t.footer],
		sums: b[t.checksums() : t.checksums()+t.blocks()*crc32.Size],
		good: make([]atomic.Uint64, (t.blocks()+63)/64),
	}
}

// block returns an error unless block i is as written.
func (c *checks) block(i uint64) error {
	if c.good[i/64].Load()&(1<<(i%64)) != 0 {
		return nil
	}
	return c.verify(i)
}

func (c *checks) verify(i uint64) error {
	data := c.data[i*blockBytes : min((i+1)*blockBytes, uint64(len(c.data)))]
	if crc32.Checksum(data, castagnoli) != binary.LittleEndian.Uint32(c.sums[i*crc32.Size:]) {
		return corruptf("block %d fails its checksum", i)
	}
	c.good[i/64].Or(1 << (i % 64))
	return nil
}

// bytes returns an error unless the bytes in [from, to) are as written.
func (c *checks) bytes(from, to uint64) error {
	if from >= to {
		return nil
	}
	for i := from / blockBytes; i <= (to-1)/blockBytes; i++ {
		if err := c.block(i); err != nil {
			return err
		}
	}
	return nil
}
