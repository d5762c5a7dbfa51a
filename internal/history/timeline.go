package history

import (
	"context"
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
	if err := h.trace(ctx, seg, segment.HashOf(key), &out); err != nil {
		return out, err
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

// trace adds the changes of a context to a timeline.
func (h *History) trace(ctx context.Context, seg *catalog.Segment, hash segment.Hash, to *Timeline) error {
	for s, err := range h.store.Trace(ctx, seg.Env, seg.Key, hash) {
		if err != nil {
			return within(seg, err)
		}
		if !s.Since.IsZero() {
			to.CompleteSince = s.Since
			return nil
		}
		if len(to.Items) == MaxTimeline {
			to.CompleteSince = to.Items[MaxTimeline-1].At
			return nil
		}
		run, _, err := h.store.RunAt(ctx, seg.Env, seg.Key, s.Revision)
		if err != nil {
			return within(seg, err)
		}
		to.Items = append(to.Items, TimelineItem{At: s.At, Revision: s.Revision, Ops: s.Ops, Run: run})
	}
	return nil
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
