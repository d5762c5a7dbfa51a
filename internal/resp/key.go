package resp

import (
	"strings"

	"muster/internal/segment"
)

// keyKind is what a key of the Big Segment schema holds.
type keyKind uint8

const (
	otherKey keyKind = iota // nothing that is ever there
	includedKey
	excludedKey
	syncTimeKey
)

const (
	includeMark  = ":big_segment_include:"
	excludeMark  = ":big_segment_exclude:"
	syncTimeMark = ":big_segments_synchronized_on"
	hashBytes    = 44 // of a context hash on the wire
)

// key is a key of the Big Segment schema, taken apart.
type key struct {
	kind   keyKind
	prefix string
	hash   segment.Hash // of included and excluded
}

// parseKey reads a key. A prefix is any text, so it reads from the end.
func parseKey(text string) key {
	if prefix, ok := strings.CutSuffix(text, syncTimeMark); ok {
		return key{kind: syncTimeKey, prefix: prefix}
	}
	at := len(text) - hashBytes
	if at < 0 {
		return key{}
	}
	k := key{}
	if prefix, ok := strings.CutSuffix(text[:at], includeMark); ok {
		k.kind, k.prefix = includedKey, prefix
	} else if prefix, ok := strings.CutSuffix(text[:at], excludeMark); ok {
		k.kind, k.prefix = excludedKey, prefix
	} else {
		return key{}
	}
	var ok bool
	if k.hash, ok = segment.ParseHash(text[at:]); !ok {
		return key{}
	}
	return k
}
