package history

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// MemberQuery selects members.
type MemberQuery struct {
	Prefix string // of the key; the member with exactly this key comes first
	Limit  int
	After  string // cursor of the page before
}

// Member is one included context. Key is empty when only its hash is known.
type Member struct {
	Key  string
	Hash segment.Hash
}

// MemberPage is a part of a segment's members in a stable order, and the moment whose members they
// are.
type MemberPage struct {
	Items    []Member
	Counts   segment.Counts
	Revision segment.Revision
	At       time.Time
	Next     string // cursor, empty at the end
}

// searchTime is how long a search for a prefix may take; what is left comes with the next page,
// which may be why a page is not full.
const searchTime = time.Second

// cursor is where a page ended.
type cursor struct {
	revision segment.Revision // of the members that were paged through
	last     segment.Hash
}

const cursorBytes = 8 + len(segment.Hash{})

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(c.revision)), c.last[:]...))
}

func parseCursor(text string) (*cursor, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no cursor is no error
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != cursorBytes {
		return nil, fault.Invalidf("after is no cursor of a page before; leave it out to begin again")
	}
	return &cursor{segment.Revision(binary.BigEndian.Uint64(b)), segment.Hash(b[8:])}, nil
}

// Members returns a page of the included contexts in the order of their hashes. The pages that
// follow are of the same moment, with every member once, as long as nobody waits for minutes between
// them; after that they go on in the members as they are then, at the same place.
func (h *History) Members(ctx context.Context, who catalog.Caller, t Target, q MemberQuery) (MemberPage, error) {
	seg, err := h.find(who, t, policy.ViewMembers)
	if err != nil {
		return MemberPage{}, err
	}
	after, err := parseCursor(q.After)
	if err != nil {
		return MemberPage{}, err
	}
	members, err := h.pinned(seg, after)
	if err != nil {
		return MemberPage{}, within(seg, err)
	}
	page := MemberPage{Counts: members.Counts(), Revision: members.Revision(), At: members.at}
	last, err := page.fill(ctx, members, q, after)
	if err != nil {
		return MemberPage{}, within(seg, err)
	}
	if last != nil {
		page.Next = cursor{members.Revision(), *last}.String()
		h.pins.keep(seg.Env, members)
	}
	return page, nil
}

// pinned returns the members that a cursor is about, or else those of now.
func (h *History) pinned(seg *catalog.Segment, after *cursor) (*pin, error) {
	id := pinID{env: seg.Env, ref: seg.Ref()}
	if after != nil {
		id.revision = after.revision
	} else {
		var err error
		if id.revision, err = h.store.Head(seg.Env); err != nil {
			return nil, err
		}
	}
	if p := h.pins.get(id); p != nil {
		return p, nil
	}
	members, err := h.store.Snapshot(seg.Env, seg.Ref())
	if err != nil {
		return nil, err
	}
	return &pin{Members: members, at: h.now()}, nil
}

// fill reads the page and returns the hash after which the next one begins, nil if there is none.
func (p *MemberPage) fill(ctx context.Context, members store.Members, q MemberQuery, after *cursor) (*segment.Hash, error) {
	exact := segment.HashOf(q.Prefix)
	var from *segment.Hash
	var last segment.Hash
	if after != nil {
		from, last = &after.last, after.last
	} else if q.Prefix != "" {
		ops, err := members.State(exact)
		if err != nil {
			return nil, err
		}
		if ops&segment.Include != 0 {
			p.Items = append(p.Items, Member{Key: q.Prefix, Hash: exact})
		}
	}
	began, n := time.Now(), 0
	for c, err := range members.All(from) {
		if err != nil {
			return nil, err
		}
		if n++; n%1024 == 0 && (time.Since(began) > searchTime || ctx.Err() != nil) {
			return &last, ctx.Err()
		}
		if c.Ops&segment.Include != 0 && bytes.HasPrefix(c.Key, []byte(q.Prefix)) && (q.Prefix == "" || c.Hash != exact) {
			if len(p.Items) == q.Limit {
				return &last, nil
			}
			p.Items = append(p.Items, Member{Key: string(c.Key), Hash: c.Hash})
		}
		last = c.Hash
	}
	return nil, nil //nolint:nilnil // there is no next page
}
