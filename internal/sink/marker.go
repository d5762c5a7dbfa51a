package sink

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// marker is what lies in a store beside the data and says what that is.
type marker struct {
	sink   catalog.ID
	writer string // the run of the process that wrote it
	// count grows with every marker of a writer, so that one from before, which a failover brings back,
	// is known, and somebody who is at work can be told from somebody who is not.
	count uint64
	// tail is how far the log has been written, in order.
	tail segment.Cursor
	// walk is how far a walk through all members has come that is under way beside it; zero without one.
	walk segment.Cursor
	// complete says that everything up to the tail is there, also while a walk is under way.
	complete bool
	// defined says that the definitions up to the tail are there.
	defined bool
	// sweep says that texts have to be looked for that don't belong there, once the walk is over.
	sweep bool
	// resyncs is the latest request of the environment's to be told everything once more that a walk answered, or answers.
	resyncs int
}

const markerFormat = "muster1"

// newWriter returns a name for a run of this process.
func newWriter() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// String returns the text of the marker, at most [MaxMarkerBytes].
func (m *marker) String() string {
	var flags strings.Builder
	flags.WriteByte('-')
	for _, f := range []struct {
		set  bool
		text string
	}{{m.complete, "c"}, {m.defined, "d"}, {m.sweep, "s"}} {
		if f.set {
			flags.WriteString(f.text)
		}
	}
	if m.resyncs > 0 {
		flags.WriteString(strconv.Itoa(m.resyncs))
	}
	tail := m.tail
	if m.walk != (segment.Cursor{}) {
		// Two places may be too long for one marker; who is in the middle of an entry begins it again.
		tail = tail.Through(tail.Revision)
	}
	return fmt.Sprintf("%s %s %s %d %s %s.%s", markerFormat, m.sink, m.writer, m.count, flags.String(), tail, m.walk)
}

// parseMarker reads what String has written; false if it is anything else.
func parseMarker(text string) (m marker, ok bool) {
	parts := strings.Split(text, " ")
	if len(parts) != 6 || parts[0] != markerFormat {
		return m, false
	}
	m.sink, m.writer = catalog.ID(parts[1]), parts[2]
	count, err := strconv.ParseUint(parts[3], 10, 64)
	if err != nil {
		return m, false
	}
	m.count = count
	m.complete, m.defined, m.sweep = strings.Contains(parts[4], "c"), strings.Contains(parts[4], "d"), strings.Contains(parts[4], "s")
	if text := strings.TrimLeft(parts[4], "-cds"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return m, false
		}
		m.resyncs = int(n)
	}
	tail, walk, ok := strings.Cut(parts[5], ".")
	if !ok {
		return m, false
	}
	if m.tail, ok = segment.ParseCursor(tail); !ok {
		return m, false
	}
	m.walk, ok = segment.ParseCursor(walk)
	return m, ok
}

// walking reports whether a walk is under way.
func (m *marker) walking() bool { return m.walk.Walking }
