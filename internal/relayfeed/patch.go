package relayfeed

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"muster/internal/segment"
)

const (
	// maxPatch is how many changes a patch has: ld-relay 8 applies one in a single transaction of its
	// database, which it gives three seconds.
	maxPatch = 10_000
	// maxChanges and maxBytes bound a page, which ld-relay 8 gives three seconds to arrive.
	maxChanges = 2 * maxPatch
	maxBytes   = 1 << 20

	changeBytes = 47  // of one hash in quotes, with a comma
	patchBytes  = 600 // of what else stands in a patch, but its segment and the version before
)

// builder makes a page: a JSON array of patches, each of which begins where the one before ended.
type builder struct {
	env      segment.EnvID
	resync   int
	buf      []byte
	last     string // the cursor that who applied all patches has
	lastAt   int    // where the version of the last patch stands in buf
	patches  int
	changes  int
	deadline time.Time
	now      func() time.Time
}

// patch adds changes of one ref. They lead to a version, which may be the one before: a relay that ends
// between the two asks for them again.
func (b *builder) patch(ref segment.Ref, list []segment.Change, to string) {
	if b.patches > 0 {
		b.buf = append(b.buf, ',')
	}
	b.buf = slices.Grow(b.buf, len(list)*changeBytes+b.frame(ref))
	b.buf = append(b.buf, `{"environmentId":"`...)
	b.buf = append(b.buf, b.env...)
	b.buf = append(b.buf, `","segmentId":`...)
	b.buf = appendText(b.buf, ref.String())
	b.buf = append(b.buf, `,"previousVersion":`...)
	b.buf = appendText(b.buf, b.last)
	b.buf = append(b.buf, `,"changes":{"included":{"add":`...)
	b.buf = appendHashes(b.buf, list, segment.Include)
	b.buf = append(b.buf, `,"remove":`...)
	b.buf = appendHashes(b.buf, list, segment.Uninclude)
	b.buf = append(b.buf, `},"excluded":{"add":`...)
	b.buf = appendHashes(b.buf, list, segment.Exclude)
	b.buf = append(b.buf, `,"remove":`...)
	b.buf = appendHashes(b.buf, list, segment.Unexclude)
	b.buf = append(b.buf, `}},"version":`...)
	b.lastAt = len(b.buf)
	b.buf = append(appendText(b.buf, to), '}')
	b.last = to
	b.patches++
	b.changes += len(list)
}

// text returns the version of a place in the log or in a walk.
func (b *builder) text(at segment.Cursor) string { return version{at, b.resync}.String() }

// nowhere is the ref of no segment: generations begin at 1.
var nowhere = segment.Ref{Key: "muster"}

// moveTo makes the page end at a place, by a patch that changes nothing if there is no other.
func (b *builder) moveTo(at segment.Cursor) {
	switch to := b.text(at); {
	case b.last == to:
	case b.patches == 0:
		b.patch(nowhere, nil, to)
	default:
		b.buf = append(appendText(b.buf[:b.lastAt], to), '}')
		b.last = to
	}
}

// frame returns about how many bytes a patch of a ref has beside its changes.
func (b *builder) frame(ref segment.Ref) int { return patchBytes + len(ref.Key) + len(b.last) }

// full reports whether nothing more of a ref fits in after so many changes that are not added yet.
func (b *builder) full(ref segment.Ref, waiting int) bool {
	return b.changes+waiting >= maxChanges || len(b.buf)+waiting*changeBytes+2*b.frame(ref) > maxBytes
}

// late reports whether the page has taken long enough.
func (b *builder) late() bool { return !b.now().Before(b.deadline) }

func appendText(b []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always has a JSON form
	return append(b, quoted...)
}

// appendHashes appends the hashes that one operation concerns.
func appendHashes(b []byte, list []segment.Change, op segment.Ops) []byte {
	b = append(b, '[')
	first := true
	for i := range list {
		if list[i].Ops&op == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, list[i].Hash[:])
		b = append(b, '"')
	}
	return append(b, ']')
}

// group is what several entries of the log change together, few enough for one page.
type group struct {
	refs []segment.Ref // in the order in which they came
	of   map[segment.Ref]*grouped
	n    int
	size int // of the patches, in bytes
}

type grouped struct {
	list  []segment.Change
	lists int
}

// fits reports whether the changes of an entry have room in a page, those of the group included.
func (g *group) fits(b *builder, e *segment.Entry) bool {
	n, size := b.changes+g.n, len(b.buf)+g.size
	for _, m := range e.Members {
		if m.Len > maxChanges {
			return false
		}
		n += m.Len
		size += m.Len*changeBytes + b.frame(m.Ref)
	}
	return n <= maxChanges && size <= maxBytes
}

// add adds one list of changes of a ref.
func (g *group) add(b *builder, ref segment.Ref, list []segment.Change) {
	if g.of == nil {
		g.of = map[segment.Ref]*grouped{}
	}
	at := g.of[ref]
	if at == nil {
		at = &grouped{}
		g.of[ref] = at
		g.refs = append(g.refs, ref)
		g.size += b.frame(ref)
	}
	at.list = append(at.list, list...)
	at.lists++
	g.n += len(list)
	g.size += len(list) * changeBytes
}

// joined returns the changes with each context once, the later one over the earlier.
func (g *grouped) joined() []segment.Change {
	if g.lists == 1 {
		return g.list
	}
	slices.SortStableFunc(g.list, func(a, b segment.Change) int { return slices.Compare(a.Hash[:], b.Hash[:]) })
	out := g.list[:0]
	for _, c := range g.list {
		if n := len(out); n > 0 && out[n-1].Hash == c.Hash {
			out[n-1].Ops = c.Ops.Over(out[n-1].Ops)
		} else {
			out = append(out, c)
		}
	}
	return out
}

// flush adds the patches of a group, the last of which leads to a place.
func (b *builder) flush(g *group, to segment.Cursor) {
	if g.n == 0 {
		return
	}
	at := b.last
	for _, ref := range g.refs {
		for part := range slices.Chunk(g.of[ref].joined(), maxPatch) {
			b.patch(ref, part, at)
		}
	}
	b.moveTo(to)
	*g = group{}
}
