package segment

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
)

// Epoch names one history of an environment's log. It is random, made with the environment, and
// another one once the environment was restored from a backup: a revision means nothing in a
// history that it is not from.
type Epoch [8]byte

// String returns 16 hexadecimal digits.
func (e Epoch) String() string { return hex.EncodeToString(e[:]) }

// Cursor is how far somebody who follows an environment's log has come. The zero value has seen
// nothing.
//
// Without a place it has seen everything up to Revision. Otherwise it is on its way, Ref and Hash
// being the last it has seen in the order of refs, by key and generation, and hashes: in a walk that
// began at Revision if Walking, else in the entry after Revision. A walk that has seen nothing yet
// has an empty Ref.
type Cursor struct {
	Epoch    Epoch
	Revision Revision
	Walking  bool
	Ref      Ref
	Hash     Hash
}

// At returns the cursor of who has gone on to a context of a ref, in the same walk or entry.
func (c Cursor) At(ref Ref, h Hash) Cursor {
	c.Ref, c.Hash = ref, h
	return c
}

// Through returns the cursor of who has seen everything up to a revision of the same history. A walk
// ends at the revision at which it began.
func (c Cursor) Through(rev Revision) Cursor { return Cursor{Epoch: c.Epoch, Revision: rev} }

const (
	cursorFormat = 1

	cursorWalking = 1 << 0
	cursorPlaced  = 1 << 1

	// MaxCursorBytes bounds the text of a cursor, and by it the keys of segments that one can hold.
	MaxCursorBytes = 1023
)

// String returns the text that is given to clients: URL-safe, at most [MaxCursorBytes] for keys of up
// to 700 bytes, and empty for the zero value.
func (c Cursor) String() string {
	if c == (Cursor{}) {
		return ""
	}
	b := []byte{cursorFormat, 0}
	b = append(b, c.Epoch[:]...)
	b = binary.AppendUvarint(b, uint64(c.Revision))
	if c.Walking {
		b[1] |= cursorWalking
	}
	if c.Ref != (Ref{}) {
		b[1] |= cursorPlaced
		b = append(b, c.Hash[:]...)
		b = binary.AppendUvarint(b, uint64(c.Ref.Generation))
		b = append(b, c.Ref.Key...)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor reads what String has written; false if it is anything else.
func ParseCursor(s string) (Cursor, bool) {
	if s == "" {
		return Cursor{}, true
	}
	var c Cursor
	if len(s) > MaxCursorBytes {
		return c, false
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 2+len(c.Epoch) || b[0] != cursorFormat {
		return Cursor{}, false
	}
	flags := b[1]
	b = b[2+copy(c.Epoch[:], b[2:]):]
	rev, n := binary.Uvarint(b)
	if n <= 0 {
		return Cursor{}, false
	}
	b = b[n:]
	c.Revision, c.Walking = Revision(rev), flags&cursorWalking != 0
	if flags&cursorPlaced != 0 {
		if len(b) < len(c.Hash) {
			return Cursor{}, false
		}
		b = b[copy(c.Hash[:], b):]
		generation, n := binary.Uvarint(b)
		if n <= 0 {
			return Cursor{}, false
		}
		c.Ref = Ref{Key: Key(b[n:]), Generation: Generation(generation)}
	}
	if c.String() != s { // there is one text for each cursor
		return Cursor{}, false
	}
	return c, true
}
