package pebblestore

import (
	"encoding/binary"
	"fmt"

	"muster/internal/segment"
	"muster/internal/store"
)

// The first byte of a key says what it belongs to. The bytes are on disk: never reuse one.
const (
	filePrefix = 'f' // f <id>: content of a small file
	logPrefix  = 'l' // l <length of env> <env> <revision, 8 bytes big endian>: record
	rowPrefix  = 'r' // r <table> <key>: row
)

// maxEnvBytes is what one length byte can say.
const maxEnvBytes = 255

// logStart returns what the keys of all records of an environment begin with. The length in front
// keeps an environment's records together whatever the identifiers are.
func logStart(env segment.EnvID) []byte {
	key := make([]byte, 0, 2+len(env)+8)
	key = append(key, logPrefix, byte(len(env)))
	return append(key, env...)
}

func logKey(env segment.EnvID, rev segment.Revision) []byte {
	return binary.BigEndian.AppendUint64(logStart(env), uint64(rev))
}

func parseLogKey(key []byte) (segment.EnvID, segment.Revision, error) {
	if len(key) < 2 || key[0] != logPrefix || len(key) != 2+int(key[1])+8 {
		return "", 0, fmt.Errorf("log key %x: %w", key, store.ErrCorrupt)
	}
	rev := key[len(key)-8:]
	return segment.EnvID(key[2 : len(key)-8]), segment.Revision(binary.BigEndian.Uint64(rev)), nil
}

func rowKey(table store.Table, key []byte) []byte {
	k := make([]byte, 0, 2+len(key))
	k = append(k, rowPrefix, byte(table))
	return append(k, key...)
}

func fileKey(id store.FileID) []byte {
	return append([]byte{filePrefix}, id[:]...)
}

// prefixEnd returns the smallest key greater than every key that begins with prefix, which must hold
// a byte below 0xff.
func prefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; ; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
}
