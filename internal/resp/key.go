package resp

import (
	"strings"

	"muster/internal/segment"
)

// keyKind is what a key of the schema that SDKs read holds.
type keyKind uint8

const (
	otherKey keyKind = iota // nothing that is ever there
	includedKey
	excludedKey
	syncTimeKey
	featuresKey // those of daemon mode
	segmentsKey
	initedKey
)

const (
	includeMark  = ":big_segment_include:"
	excludeMark  = ":big_segment_exclude:"
	syncTimeMark = ":big_segments_synchronized_on"
	featuresMark = ":features"
	segmentsMark = ":segments"
	initedMark   = ":$inited"
	hashBytes    = 44 // of a context hash on the wire
)

// wholeMarks are what follows the prefix in keys that name no context.
var wholeMarks = [...]string{syncTimeKey: syncTimeMark, featuresKey: featuresMark, segmentsKey: segmentsMark, initedKey: initedMark}

// key is a key of the schema, taken apart.
type key struct {
	kind   keyKind
	prefix string
	hash   segment.Hash // of included and excluded
}

// definition reports whether the key is one of daemon mode.
func (k key) definition() bool { return k.kind >= featuresKey }

// parseKey reads a key. A prefix is any text, so it reads from the end.
func parseKey(text string) key {
	for kind, mark := range wholeMarks {
		if prefix, ok := strings.CutSuffix(text, mark); ok && mark != "" {
			return key{kind: keyKind(kind), prefix: prefix}
		}
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
