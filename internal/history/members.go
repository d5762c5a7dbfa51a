package history

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Target names a segment as people and API clients do.
type Target struct {
	Project     catalog.ProjectKey
	Environment catalog.EnvKey
	Segment     segment.Key
}

// find returns the segment that a target names, if the caller may do the action to it. The members
// of a segment that lists them in its definition are there, not here.
func (h *History) find(who catalog.Caller, t Target, action policy.Action) (*catalog.Segment, error) {
	project, env, err := h.viewEnvironment(who, t.Project, t.Environment)
	if err != nil {
		return nil, err
	}
	seg, ok := h.store.Segment(env.ID, t.Segment)
	if !ok {
		return nil, fault.NotFoundf("Unknown segment key %s", t.Segment)
	}
	if action != policy.ViewProject {
		if err := who.Check(action, catalog.SegmentResource(project, env, seg.Key, seg.Tags)); err != nil {
			return nil, err
		}
	}
	if !seg.Unbounded {
		return nil, fault.Invalidf("the segment %s keeps its targets in its definition; read included and excluded there", seg.Key)
	}
	return seg, nil
}

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

// MemberPage is a part of a segment's members in a stable order.
type MemberPage struct {
	Items    []Member
	Counts   segment.Counts
	Revision segment.Revision
	At       time.Time
	Next     string // cursor, empty at the end
}

// searchTime is how long a search for a prefix may take; what is left comes with the next page.
const searchTime = time.Second

// Members returns a page of the included contexts in the order of their hashes. A member that stays
// in the segment while somebody pages through it is seen exactly once.
func (h *History) Members(_ context.Context, who catalog.Caller, t Target, q MemberQuery) (MemberPage, error) {
	var page MemberPage
	seg, err := h.find(who, t, policy.ViewMembers)
	if err != nil {
		return page, err
	}
	after, err := parseCursor(q.After)
	if err != nil {
		return page, err
	}
	members, err := h.store.Snapshot(seg.Env, seg.Ref())
	if err != nil {
		return page, reading(fmt.Sprintf("read members of segment %s", seg.Key), err)
	}
	page.Counts, page.Revision, page.At = members.Counts(), members.Revision(), time.Now()
	exact := segment.HashOf(q.Prefix)
	if q.Prefix != "" && after == nil {
		ops, err := members.State(exact)
		if err != nil {
			return page, reading(fmt.Sprintf("read members of segment %s", seg.Key), err)
		}
		if ops&segment.Include != 0 {
			page.Items = append(page.Items, Member{Key: q.Prefix, Hash: exact})
		}
	}
	began, n := time.Now(), 0
	var last segment.Hash
	for c, err := range members.All(after) {
		if err != nil {
			return page, reading(fmt.Sprintf("read members of segment %s", seg.Key), err)
		}
		if n++; len(page.Items) == q.Limit || n%1024 == 0 && time.Since(began) > searchTime {
			page.Next = base64.RawURLEncoding.EncodeToString(last[:])
			break
		}
		last = c.Hash
		if c.Ops&segment.Include == 0 || !bytes.HasPrefix(c.Key, []byte(q.Prefix)) || q.Prefix != "" && c.Hash == exact {
			continue
		}
		page.Items = append(page.Items, Member{Key: string(c.Key), Hash: c.Hash})
	}
	return page, nil
}

func parseCursor(text string) (*segment.Hash, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no cursor is no error
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != len(segment.Hash{}) {
		return nil, fault.Invalidf("after is no cursor of a page before; leave it out to begin again")
	}
	return (*segment.Hash)(b), nil
}

// Timeline is what happened to one context in a segment, newest first.
type Timeline struct {
	Included bool
	Items    []TimelineItem
	// CompleteSince is the moment from which on nothing is missing.
	CompleteSince time.Time
	// Near are members whose key differs only in case or blanks, for who mistyped one.
	Near []string
}

// TimelineItem is one change and the run that made it; an empty Run.ID: it is not known any more.
type TimelineItem struct {
	At       time.Time
	Revision segment.Revision
	Ops      segment.Ops
	Run      segment.Run
}

// maxTimeline bounds the changes that a timeline tells of.
const maxTimeline = 200

// Timeline tells when a context joined and left a segment, and by which run.
func (h *History) Timeline(ctx context.Context, who catalog.Caller, t Target, key string) (Timeline, error) {
	var out Timeline
	seg, err := h.find(who, t, policy.ViewMembers)
	if err != nil {
		return out, err
	}
	view, err := h.store.View(seg.Env)
	if err != nil {
		return out, reading("read membership", err)
	}
	in := func(key string) (bool, error) {
		ops, err := view.State(seg.Ref(), segment.HashOf(key))
		return ops&segment.Include != 0, err
	}
	if out.Included, err = in(key); err != nil {
		return out, reading(fmt.Sprintf("read membership of segment %s", seg.Key), err)
	}
	for s, err := range h.store.Trace(ctx, seg.Env, seg.Key, segment.HashOf(key)) {
		if err != nil {
			return out, reading(fmt.Sprintf("trace segment %s", seg.Key), err)
		}
		if !s.Since.IsZero() {
			out.CompleteSince = s.Since
			break
		}
		if len(out.Items) == maxTimeline {
			out.CompleteSince = out.Items[len(out.Items)-1].At
			break
		}
		run, _, err := h.store.RunAt(ctx, seg.Env, seg.Key, s.Revision)
		if err != nil {
			return out, reading("read run", err)
		}
		out.Items = append(out.Items, TimelineItem{At: s.At, Revision: s.Revision, Ops: s.Ops, Run: run})
	}
	for _, near := range variants(key) {
		if ok, err := in(near); err == nil && ok && near != key {
			out.Near = append(out.Near, near)
		}
	}
	return out, nil
}

// variants returns spellings that people confuse with a key.
func variants(key string) []string {
	trimmed := strings.TrimSpace(key)
	title := []rune(strings.ToLower(trimmed))
	if len(title) > 0 {
		title[0] = unicode.ToUpper(title[0])
	}
	var out []string
	for _, v := range []string{trimmed, strings.ToLower(trimmed), strings.ToUpper(trimmed), string(title), trimmed + " ", " " + trimmed} {
		seen := v == key || v == ""
		for _, o := range out {
			seen = seen || o == v
		}
		if !seen && len(out) < 5 {
			out = append(out, v)
		}
	}
	return out
}

// Points returns what a segment's members were, newest first. The first is what they are.
func (h *History) Points(_ context.Context, who catalog.Caller, t Target) (now segment.Point, points []segment.Point, err error) {
	seg, err := h.find(who, t, policy.ViewProject)
	if err != nil {
		return now, nil, err
	}
	points, err = h.store.Points(seg.Env, seg.Key)
	if err != nil {
		return now, nil, reading(fmt.Sprintf("list points of segment %s", seg.Key), err)
	}
	view, err := h.store.View(seg.Env)
	if err != nil {
		return now, nil, reading("read membership", err)
	}
	now = segment.Point{ID: Current, Ref: seg.Ref(), Revision: view.Revision()}
	now.Counts, _ = view.Counts(seg.Ref())
	return now, points, nil
}

// Current names the present members where a point is expected.
const Current segment.PointID = "current"

// Diff says what publishing one point instead of another would do. Sample keys are part of it.
func (h *History) Diff(ctx context.Context, who catalog.Caller, t Target, from, to segment.PointID) (segment.Diff, error) {
	seg, err := h.find(who, t, policy.ViewMembers)
	if err != nil {
		return segment.Diff{}, err
	}
	published, err := h.membersAt(ctx, seg, from)
	if err != nil {
		return segment.Diff{}, err
	}
	instead, err := h.membersAt(ctx, seg, to)
	if err != nil {
		return segment.Diff{}, err
	}
	d, err := published.Diff(ctx, instead)
	if err != nil {
		return segment.Diff{}, reading(fmt.Sprintf("compare points of segment %s", seg.Key), err)
	}
	return d, nil
}

func (h *History) membersAt(ctx context.Context, seg *catalog.Segment, id segment.PointID) (store.Members, error) {
	var m store.Members
	var err error
	if id == Current {
		m, err = h.store.Snapshot(seg.Env, seg.Ref())
	} else {
		m, err = h.store.PointMembers(ctx, seg.Env, seg.Key, id)
	}
	if errors.Is(err, store.ErrNoPoint) {
		return nil, fault.NotFoundf("Unknown point %s of segment %s", id, seg.Key).Because(err)
	}
	if err != nil {
		return nil, reading(fmt.Sprintf("read members of segment %s", seg.Key), err)
	}
	return m, nil
}

// Rejects returns the rows that a run skipped, as CSV, and the run. The caller closes them.
func (h *History) Rejects(ctx context.Context, who catalog.Caller, t Target, id segment.RunID) (store.Document, error) {
	seg, err := h.find(who, t, policy.ViewMembers)
	if err != nil {
		return nil, err
	}
	doc, err := h.store.OpenDocument(ctx, seg.Env, store.DocumentID("rejects/"+string(id)))
	if err != nil {
		return nil, fault.NotFoundf("run %s of segment %s has no rejected rows, or they are kept no more", id, seg.Key).Because(err)
	}
	return doc, nil
}
