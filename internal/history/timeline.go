package history

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"muster/internal/catalog"
	"muster/internal/policy"
	"muster/internal/segment"
)

// Timeline is what happened to one context in a segment, newest first.
type Timeline struct {
	Included bool
	Items    []TimelineItem
	// CompleteSince is the moment from which on nothing is missing.
	CompleteSince time.Time
	// Near are members whose key differs from the one asked for only in case, blanks or Unicode form.
	Near []string
}

// TimelineItem is one change and the run that made it; an empty Run.ID: it is not known any more.
type TimelineItem struct {
	Segment  *catalog.Segment
	At       time.Time
	Revision segment.Revision
	Ops      segment.Ops
	Run      segment.Run
}

// MaxTimeline is how many changes a timeline tells of.
const MaxTimeline = 200

const maxNear = 5

// Timeline tells when a context joined and left a segment, and by which run.
func (h *History) Timeline(ctx context.Context, who catalog.Caller, t Target, key string) (Timeline, error) {
	var out Timeline
	seg, err := h.find(who, t, policy.ViewMembers)
	if err != nil {
		return out, err
	}
	view, err := h.store.View(seg.Env)
	if err != nil {
		return out, within(seg, err)
	}
	included := func(key string) (bool, error) {
		ops, err := view.State(seg.Ref(), segment.HashOf(key))
		return ops&segment.Include != 0, err
	}
	if out.Included, err = included(key); err != nil {
		return out, within(seg, err)
	}
	if out.Items, out.CompleteSince, err = h.trace(ctx, seg.Env, map[segment.Key]*catalog.Segment{seg.Key: seg}, segment.HashOf(key)); err != nil {
		return out, within(seg, err)
	}
	for _, near := range variants(key) {
		in, err := included(near)
		if err != nil {
			return out, within(seg, err)
		}
		if in && len(out.Near) < maxNear {
			out.Near = append(out.Near, near)
		}
	}
	return out, nil
}

// ContextTimeline is what happened to one context in the segments whose members the caller may view,
// newest first.
type ContextTimeline struct {
	Items []TimelineItem
	// CompleteSince is the moment from which on nothing is missing.
	CompleteSince time.Time
}

// ContextTimeline tells when a context joined and left segments, and by which runs. Segments that were
// deleted are not among them. Who may view the members of no segment of the kind is refused.
func (h *History) ContextTimeline(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, kind segment.ContextKind, key string) (ContextTimeline, error) {
	var out ContextTimeline
	project, env, err := h.viewEnvironment(who, p, e)
	if err != nil {
		return out, err
	}
	viewable, err := h.viewable(who, project, env, kind)
	if err != nil {
		return out, err
	}
	byKey := make(map[segment.Key]*catalog.Segment, len(viewable))
	for _, s := range viewable {
		byKey[s.Key] = s
	}
	if out.Items, out.CompleteSince, err = h.trace(ctx, env.ID, byKey, segment.HashOf(key)); err != nil {
		return out, reading(fmt.Sprintf("read what happened to a context of environment %s", env.ID), err)
	}
	return out, nil
}

// trace returns the changes of a context in some segments of an environment, newest first, and from
// when on none of them is missing.
func (h *History) trace(ctx context.Context, env segment.EnvID, of map[segment.Key]*catalog.Segment, hash segment.Hash) (items []TimelineItem, since time.Time, err error) {
	asked := func(k segment.Key) bool { return of[k] != nil }
	for s, err := range h.store.Trace(ctx, env, asked, hash) {
		if err != nil {
			return nil, since, err
		}
		if !s.Since.IsZero() {
			return items, s.Since, nil
		}
		if len(items) == MaxTimeline {
			return items, items[MaxTimeline-1].At, nil
		}
		run, _, err := h.store.RunAt(ctx, env, s.Segment, s.Revision)
		if err != nil {
			return nil, since, err
		}
		items = append(items, TimelineItem{Segment: of[s.Segment], At: s.At, Revision: s.Revision, Ops: s.Ops, Run: run})
	}
	return items, since, nil
}

// variants returns other spellings that people and tools confuse with a key, the likeliest first.
func variants(key string) []string {
	trimmed := strings.TrimSpace(key)
	var all []string
	for _, blanks := range []string{trimmed, strings.Join(strings.Fields(key), " "), key, trimmed + " ", " " + trimmed} {
		for _, cased := range []string{blanks, strings.ToLower(blanks), strings.ToUpper(blanks), titled(blanks, ""), titled(blanks, "."), titled(blanks, ".@-_ ")} {
			all = append(all, cased, norm.NFC.String(cased), norm.NFD.String(cased), norm.NFKC.String(cased))
		}
	}
	var out []string
	for _, v := range all {
		if v != key && strings.TrimSpace(v) != "" && len(v) <= segment.MaxKeyBytes && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// titled returns a text with each of its words in lower case behind an upper-case letter. Letters,
// digits and the bytes of inside are what words are made of.
func titled(text, inside string) string {
	within := false
	return strings.Map(func(r rune) rune {
		first := !within
		within = unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(inside, r)
		if first {
			return unicode.ToTitle(r)
		}
		return unicode.ToLower(r)
	}, text)
}
