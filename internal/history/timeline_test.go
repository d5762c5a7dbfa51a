package history_test

import (
	"slices"
	"testing"

	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/policy"
	"muster/internal/segment"
)

func TestTimelineTellsWhenAndByWhichRun(t *testing.T) {
	h, s := newHistory(t)
	added := apply(t, s, segment.Include, "eve", "mallory")
	apply(t, s, segment.Include, "eve") // changes nothing
	removed := apply(t, s, segment.Uninclude, "eve")
	again := replace(t, s, false, "eve", "trent")
	got, err := h.Timeline(t.Context(), insider(), big, "eve")
	if err != nil {
		t.Fatal(err)
	}
	var runs []segment.RunID
	var ops []segment.Ops
	for _, i := range got.Items {
		runs, ops = append(runs, i.Run.ID), append(ops, i.Ops)
	}
	if !slices.Equal(runs, []segment.RunID{again, removed, added}) || !slices.Equal(ops, []segment.Ops{segment.Include, segment.Uninclude, segment.Include}) {
		t.Errorf("changes %v by %v, want by %s, %s, %s", ops, runs, again, removed, added)
	}
	if !got.Included || got.CompleteSince.IsZero() || got.Items[0].Run.Kind != segment.ImportRun {
		t.Errorf("timeline %+v", got)
	}
	never, err := h.Timeline(t.Context(), insider(), big, "nobody")
	if err != nil || never.Included || len(never.Items) != 0 || never.CompleteSince.IsZero() {
		t.Errorf("timeline of nobody %+v, %v", never, err)
	}
}

func TestTimelineOfAContextIsThatOfAllItsSegments(t *testing.T) {
	h, s := newHistory(t)
	joined := apply(t, s, segment.Include, "eve", "mallory")
	left := apply(t, s, segment.Uninclude, "eve")
	got, err := h.ContextTimeline(t.Context(), insider(), "web", "production", "user", "eve")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Items) != 2 || got.Items[0].Run.ID != left || got.Items[1].Run.ID != joined || got.Items[0].Segment.Key != "big" || got.CompleteSince.IsZero() {
		t.Errorf("timeline %+v, want that %s left and %s joined", got, left, joined)
	}
	never, err := h.ContextTimeline(t.Context(), insider(), "web", "production", "user", "nobody")
	if err != nil || len(never.Items) != 0 || never.CompleteSince.IsZero() {
		t.Errorf("timeline of nobody %+v, %v", never, err)
	}
	if _, err := h.ContextTimeline(t.Context(), insider(), "web", "production", "spaceship", "eve"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a kind that nobody knows: %v", err)
	}
	if _, err := h.ContextTimeline(t.Context(), viewer("proj/*"), "web", "production", "user", "eve"); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("who may view no members: %v", err)
	}
}

func TestTimelineNamesMembersThatAreSpeltAlmostTheSame(t *testing.T) {
	h, s := newHistory(t)
	apply(t, s, segment.Include, "Ada@Example.com", "ada@example.com ", "jose\u0301", "Mary Ann", "exact")
	for key, want := range map[string][]string{
		"ada@example.com":   {"Ada@Example.com", "ada@example.com "},
		" ada@example.com":  {"Ada@Example.com", "ada@example.com "},
		"ADA@EXAMPLE.COM":   {"Ada@Example.com", "ada@example.com "},
		"jos\u00e9":         {"jose\u0301"},
		"mary  ann":         {"Mary Ann"},
		"exact":             nil,
		"":                  nil,
		"somebody\x00else":  nil,
		"\xff not a letter": nil,
	} {
		got, err := h.Timeline(t.Context(), insider(), big, key)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Sort(got.Near); !slices.Equal(got.Near, want) {
			t.Errorf("near %q: %q, want %q", key, got.Near, want)
		}
	}
}

func TestSegmentsOfAContextSaySinceWhen(t *testing.T) {
	h, s := newHistory(t)
	apply(t, s, segment.Include, "eve")
	got, err := h.SegmentsOf(t.Context(), insider(), "web", "production", "user", "eve")
	if err != nil || len(got.Items) != 1 || got.Items[0].Key != "big" || got.Items[0].Since.IsZero() || len(got.Unreadable) != 0 {
		t.Fatalf("segments %+v, %v", got, err)
	}
	timeline, err := h.Timeline(t.Context(), insider(), big, "eve")
	if err != nil || !timeline.Items[0].At.Equal(got.Items[0].Since) {
		t.Errorf("since %s, the timeline says %+v (%v)", got.Items[0].Since, timeline.Items, err)
	}
}

func TestSegmentsOfAContextNameThoseThatCannotBeRead(t *testing.T) {
	h, _ := newDamaged(t)
	got, err := h.SegmentsOf(t.Context(), insider(), "web", "production", "user", "ann")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Items) != 1 || got.Items[0].Key != "other" || len(got.Unreadable) != 1 || got.Unreadable[0].Key != "big" {
		t.Errorf("in %+v, unreadable %+v", got.Items, got.Unreadable)
	}
	only := viewer("proj/*")
	only.Principal.Roles[0].Policy = append(only.Principal.Roles[0].Policy,
		policy.Statement{Effect: policy.Allow, Actions: []string{"viewMembers"}, Resources: []string{"proj/*:env/*:segment/other"}})
	if got, err := h.SegmentsOf(t.Context(), only, "web", "production", "user", "ann"); err != nil || len(got.Items) != 1 || len(got.Unreadable) != 0 {
		t.Errorf("who may not view the members of big is told %+v, %v", got, err)
	}
}

func TestPointsBeginWithWhatTheMembersAre(t *testing.T) {
	h, s := newHistory(t)
	run := replace(t, s, false, numbered(0, 10)...)
	now, points, err := h.Points(t.Context(), viewer("proj/*"), big)
	if err != nil || now.ID != history.Current || now.Counts.Included != 10 || len(points) != 1 || points[0].Run != run || points[0].Counts.Included != 1 {
		t.Fatalf("now %+v, before %+v, %v", now, points, err)
	}
	d, err := h.Diff(t.Context(), insider(), big, points[0].ID, history.Current)
	if err != nil || d.Added != 1 || d.Removed != 10 || !slices.Equal(d.AddedKeys, []string{"ann"}) {
		t.Errorf("going back would do %+v, %v", d, err)
	}
}
