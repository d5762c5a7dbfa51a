// Package connector turns what a tool sends into a [segment.Batch], and a batch's outcome into the
// reply that the tool expects.
//
// A tool is data: a manifest, JSON written in LaunchDarkly's synced-segment language with a few
// extensions under "x-muster". One engine interprets all of them, so that an operator can add a
// tool without a new release. Memory is bounded by the compact changes of the batch and one value
// of the body; a body is read twice and never held whole.
//
// Whatever the bytes are, Parse answers with a batch or a *fault.Error, never a panic. This room
// knows nothing of who is asking, of storage or of HTTP.
package connector

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"muster/internal/segment"
)

// Key is the integration key of a tool, as it stands in the address that the tool calls.
type Key string

const (
	maxSegmentKeyBytes = 256
	maxSlugBytes       = 100
)

// SegmentKey returns the key that the segment of a tool's cohort gets when it is created. The same
// tool and cohort always give the same key; different cohort ids of a tool give different keys.
func SegmentKey(tool Key, cohortID string) segment.Key {
	plain := string(tool) + "-" + cohortID
	if len(plain) <= maxSegmentKeyBytes && strings.IndexFunc(cohortID, notKeyRune) < 0 {
		return segment.Key(plain)
	}
	sum := sha256.Sum256([]byte(cohortID))
	mark := hex.EncodeToString(sum[:4])
	if s := slug(cohortID); s != "" {
		return segment.Key(string(tool) + "-" + s + "-" + mark)
	}
	return segment.Key(string(tool) + "-" + mark)
}

// slug keeps what a segment key may hold of a cohort id.
func slug(cohortID string) string {
	var b strings.Builder
	gap := false
	for _, r := range cohortID {
		if notKeyRune(r) {
			gap = true
			continue
		}
		if gap {
			b.WriteByte('-')
			gap = false
		}
		b.WriteRune(r)
	}
	s := strings.Trim(b.String(), "-")
	return s[:min(len(s), maxSlugBytes)]
}

func notKeyRune(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
		return false
	}
	return true
}
