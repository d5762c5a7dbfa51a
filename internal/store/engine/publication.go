package engine

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"muster/internal/segment"
	"muster/internal/store"
)

// publication is the exchange of a whole membership: what an entry says about it, and what is kept
// beside the log until the change that it made lies in a file.
type publication struct {
	// Part of the entry.
	point   segment.PointID // what the membership was before; empty when it held nobody
	rosters []store.FileID  // what it is, under the changes of the entry; newest first

	env      segment.EnvID
	revision segment.Revision
	publicationRow
	settled chan struct{} // closed when the change file is there, or never will be
	tabled  bool          // the point has changes that lie in no file yet
}

// publicationRow is a publication as it is kept.
type publicationRow struct {
	Ref     segment.Ref
	Point   segment.PointID
	Rosters []store.FileID // until there is a change file
	Counts  segment.Counts // of the membership afterwards
	Run     segment.RunID  // whose counts are to be filled in; empty if they are known
	File    *store.FileID  // the change file
	Diff    segment.Diff   // once there is one
	Ended   bool           // the ref ended: everybody left
	Aside   bool           `json:",omitempty"` // members of the segment became those of a generation more, or of one less
	Bytes   int64          // of the change file
	Left    []store.FileID // instead of a change file: what everybody who left lies in, newest first
	// Healed says that the members before could not be read: whoever is not a member afterwards may
	// have been one.
	Healed bool `json:",omitempty"`
}

// isSettled reports whether the change lies in files of its own.
func (r *publicationRow) isSettled() bool { return r.File != nil || len(r.Left) > 0 }

// files returns the files that the row names.
func (r *publicationRow) files() []store.FileID {
	switch {
	case r.File != nil:
		return []store.FileID{*r.File}
	case len(r.Left) > 0:
		return r.Left
	default:
		return r.Rosters
	}
}

type publicationID struct {
	env      segment.EnvID
	revision segment.Revision
	key      segment.Key
}

func (p *publication) name() publicationID { return publicationID{p.env, p.revision, p.Ref.Key} }

func publicationKey(id publicationID) []byte {
	return append(binary.BigEndian.AppendUint64(under(string(id.env)), uint64(id.revision)), id.key...)
}

func parsePublicationKey(k []byte) (publicationID, error) {
	parts, err := split(k, 2)
	if err != nil || len(parts[1]) < 8 {
		return publicationID{}, fmt.Errorf("row key %q: %w", k, store.ErrCorrupt)
	}
	return publicationID{
		segment.EnvID(parts[0]), segment.Revision(binary.BigEndian.Uint64([]byte(parts[1][:8]))), segment.Key(parts[1][8:]),
	}, nil
}

func (p *publication) row() (store.Row, error) {
	b, err := json.Marshal(&p.publicationRow)
	if err != nil {
		return store.Row{}, fmt.Errorf("write publication of %s: %w", p.Ref, err)
	}
	return store.Row{Table: tablePublication, Key: publicationKey(p.name()), Value: b}, nil
}

func (p *publication) appendTo(b []byte) []byte {
	b = appendText(b, string(p.point))
	b = binary.AppendUvarint(b, uint64(len(p.rosters)))
	for _, id := range p.rosters {
		b = append(b, id[:]...)
	}
	return b
}

func (d *decoder) publication() *publication {
	p := &publication{point: segment.PointID(d.text())}
	for range d.count(uint64(len(store.FileID{}))) {
		var id store.FileID
		copy(id[:], d.take(uint64(len(id))))
		p.rosters = append(p.rosters, id)
	}
	return p
}

// publications are those that have no change file yet.
type publications struct {
	mu   sync.Mutex
	open []*publication // oldest first
	work chan struct{}  // holds something when there are new ones
}

func (ps *publications) add(p *publication) {
	ps.mu.Lock()
	ps.open = append(ps.open, p)
	ps.mu.Unlock()
	select {
	case ps.work <- struct{}{}:
	default:
	}
}

// find returns an open publication, nil if there is none.
func (ps *publications) find(id publicationID) *publication {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.open {
		if p.name() == id {
			return p
		}
	}
	return nil
}

func (ps *publications) remove(p *publication) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for i, q := range ps.open {
		if q == p {
			ps.open = append(ps.open[:i:i], ps.open[i+1:]...)
			close(p.settled)
			return
		}
	}
}

// drop forgets the publications of a deleted environment.
func (ps *publications) drop(env segment.EnvID) {
	ps.mu.Lock()
	gone := slices.Clone(ps.open)
	ps.mu.Unlock()
	for _, p := range gone {
		if p.env == env {
			ps.remove(p)
		}
	}
}

func (ps *publications) next() *publication {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if len(ps.open) == 0 {
		return nil
	}
	return ps.open[0]
}

// rest puts a publication behind the others.
func (ps *publications) rest(p *publication) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if len(ps.open) > 1 && ps.open[0] == p {
		ps.open = append(ps.open[1:len(ps.open):len(ps.open)], p)
	}
}

// needs reports whether an open publication begins with a point.
func (ps *publications) needs(name pointID) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.open {
		if p.env == name.env && p.Ref.Key == name.key && p.Point == name.id {
			return true
		}
	}
	return false
}
