package admin_test

import (
	"strings"
	"testing"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

func matches(keys ...string) []catalog.Clause {
	c := catalog.Clause{Op: catalog.SegmentMatch}
	for _, k := range keys {
		c.Values = append(c.Values, ldvalue.String(k))
	}
	return []catalog.Clause{c}
}

func (h house) changeSegment(t testing.TB, key segment.Key, change func(*catalog.Segment)) (*catalog.Segment, error) {
	t.Helper()
	return h.ChangeSegment(t.Context(), root, "web", "test", key, admin.Change{}, func(s *catalog.Segment) error { change(s); return nil })
}

func (h house) changeFlag(t testing.TB, key catalog.FlagKey, change func(*catalog.Flag)) (*catalog.Flag, error) {
	t.Helper()
	return h.ChangeFlag(t.Context(), root, "web", key, admin.Change{}, func(f *catalog.Flag) error { change(f); return nil })
}

func TestSegmentVersionsAndGenerationsOnlyGrow(t *testing.T) {
	h := furnished(t)
	s, err := h.Segment(t.Context(), root, "web", "test", "big")
	must(t, err)
	if s.Version != 1 || s.Generation != 1 || s.Kind != "user" || s.Salt == "" {
		t.Errorf("new: %+v", s)
	}
	s, err = h.changeSegment(t, "big", func(s *catalog.Segment) { s.Name = "New" })
	must(t, err)
	if s.Version != 2 || s.Generation != 1 {
		t.Errorf("changed: version %d, generation %d", s.Version, s.Generation)
	}
	must(t, h.deleteSegment(t, root, "web", "test", "big"))
	s, err = h.CreateSegment(t.Context(), root, "web", "test", admin.NewSegment{Key: "big", Name: "Big", Unbounded: true})
	must(t, err)
	if s.Version <= 2 || s.Generation != 2 {
		t.Errorf("created again: version %d, generation %d", s.Version, s.Generation)
	}
}

func TestWhatOfASegmentNeverChanges(t *testing.T) {
	h := furnished(t)
	tests := map[string]func(*catalog.Segment){
		"the key":        func(s *catalog.Segment) { s.Key = "new" },
		"unbounded":      func(s *catalog.Segment) { s.Unbounded = false },
		"the kind":       func(s *catalog.Segment) { s.Kind = "org" },
		"the generation": func(s *catalog.Segment) { s.Generation = 7 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := h.changeSegment(t, "big", change)
			wantKind(t, err, fault.Invalid)
		})
	}
	before, _ := h.Segment(t.Context(), root, "web", "test", "vip")
	after, err := h.changeSegment(t, "vip", func(s *catalog.Segment) {
		s.ID, s.Salt, s.Version, s.Name = "x", "y", 99, "New"
	})
	must(t, err)
	if after.ID != before.ID || after.Salt != before.Salt || after.Version != before.Version+1 {
		t.Errorf("got %+v", after)
	}
}

func TestListsOfAnUnboundedSegment(t *testing.T) {
	h := furnished(t)
	_, err := h.changeSegment(t, "big", func(s *catalog.Segment) { s.Included = []string{"u1"} })
	wantKind(t, err, fault.Invalid)
	_, err = h.changeSegment(t, "big", func(s *catalog.Segment) {
		s.Included, s.Excluded, s.IncludedContexts = []string{}, []string{}, []catalog.ContextTargets{}
	})
	must(t, err)
	_, err = h.changeSegment(t, "big", func(s *catalog.Segment) {
		s.Rules = []catalog.SegmentRule{{Clauses: []catalog.Clause{{Attribute: "key", Op: "in", Values: []ldvalue.Value{ldvalue.String("u1")}}}}}
	})
	must(t, err)
}

func TestManualEditsOfASyncedSegmentAreRemembered(t *testing.T) {
	h := furnished(t)
	s, err := h.changeSegment(t, "crm", func(s *catalog.Segment) { s.Name = "Better name" })
	must(t, err)
	if !s.Source.NameEdited || s.Source.DescriptionEdited || s.Source.TagsEdited {
		t.Errorf("after the name: %+v", s.Source)
	}
	s, err = h.changeSegment(t, "crm", func(s *catalog.Segment) {
		s.Description, s.Tags = "d", []string{"t"}
		s.Source.ExternalID, s.Source.NameEdited = "stolen", false
	})
	must(t, err)
	if !s.Source.NameEdited || !s.Source.DescriptionEdited || !s.Source.TagsEdited || s.Source.ExternalID != "c1" {
		t.Errorf("after the rest: %+v", s.Source)
	}
}

func TestWhoEditedASyncedSegmentIsKnownAndItsToolIsFollowedAgain(t *testing.T) {
	h := furnished(t)
	_, err := h.changeSegment(t, "crm", func(s *catalog.Segment) { s.Name, s.Description = "Ours", "Our words" })
	must(t, err)
	env := h.env(t, "web", "test")
	_, err = h.store.Update(t.Context(), store.Scope{Env: env.ID}, func(tx store.Tx) error {
		s, _ := tx.Segment(env.ID, "crm")
		s = s.Clone()
		s.Source.ExternalName, s.Source.ExternalDescription = "Theirs", "Their words"
		tx.PutSegment(s)
		return nil
	})
	must(t, err)
	s, err := h.Segment(t.Context(), root, "web", "test", "crm")
	must(t, err)
	if e := s.Source.NameEdit; e == nil || e.By.Name != "Ann" || !e.At.Equal(clock) || s.Source.TagsEdit != nil {
		t.Fatalf("who edited the name: %+v of %+v", e, s.Source)
	}
	onlyName := may(allow("updateName", "*"), allow("view*", "*"))
	_, err = h.FollowTool(t.Context(), onlyName, "web", "test", "crm", admin.Followed{Name: true, Description: true}, admin.Change{})
	wantKind(t, err, fault.Forbidden)
	s, err = h.FollowTool(t.Context(), onlyName, "web", "test", "crm", admin.Followed{Name: true}, admin.Change{})
	must(t, err)
	if s.Name != "Theirs" || s.Source.NameEdited || s.Source.NameEdit != nil || s.Description != "Our words" || !s.Source.DescriptionEdited {
		t.Errorf("after its name follows again: %q, %q, %+v", s.Name, s.Description, s.Source)
	}
	version := s.Version
	s, err = h.FollowTool(t.Context(), root, "web", "test", "crm", admin.Followed{Name: true}, admin.Change{})
	must(t, err)
	if s.Version != version {
		t.Error("what follows already was changed")
	}
	_, err = h.FollowTool(t.Context(), root, "web", "test", "big", admin.Followed{Name: true}, admin.Change{})
	wantKind(t, err, fault.Invalid)
}

func TestSegmentsInUseStay(t *testing.T) {
	h := furnished(t)
	_, err := h.changeFlag(t, "checkout", func(f *catalog.Flag) {
		f.Environments["test"].Rules = []catalog.FlagRule{{Serve: catalog.Serve{Variation: new(0)}, Clauses: matches("vip", "not-there")}}
	})
	must(t, err)
	_, err = h.changeSegment(t, "big", func(s *catalog.Segment) { s.Rules = []catalog.SegmentRule{{Clauses: matches("vip")}} })
	must(t, err)
	err = h.deleteSegment(t, root, "web", "test", "vip")
	wantKind(t, err, fault.Conflict)
	if !strings.Contains(err.Error(), "the flags checkout and the segments big in environment test") {
		t.Errorf("who uses the segment is not named: %v", err)
	}
	flags, err := h.SegmentFlags(t.Context(), viewer, "web", "test", "vip")
	must(t, err)
	if len(flags) != 1 || flags[0].Key != "checkout" {
		t.Errorf("flags %v", flags)
	}
	_, err = h.changeFlag(t, "checkout", func(f *catalog.Flag) { // a flag that names a segment twice is one flag
		f.Environments["test"].Rules = append(f.Environments["test"].Rules, catalog.FlagRule{Serve: catalog.Serve{Variation: new(0)}, Clauses: matches("vip")})
	})
	must(t, err)
	all, err := h.FlagsOfSegments(t.Context(), viewer, "web", "test")
	must(t, err)
	if len(all) != 2 || len(all["vip"]) != 1 || all["vip"][0].Key != "checkout" || len(all["not-there"]) != 1 {
		t.Errorf("flags of segments: %v", all)
	}
	must(t, h.deleteFlag(t, root, "web", "checkout"))

	err = h.deleteSegment(t, root, "web", "test", "vip")
	wantKind(t, err, fault.Conflict)
	if !strings.Contains(err.Error(), "big") {
		t.Errorf("the segment is not named: %v", err)
	}
	must(t, h.deleteSegment(t, root, "web", "test", "big"))
	must(t, h.deleteSegment(t, root, "web", "test", "vip"))
}

func TestSegmentsDoNotContainThemselves(t *testing.T) {
	h := furnished(t)
	_, err := h.changeSegment(t, "vip", func(s *catalog.Segment) { s.Rules = []catalog.SegmentRule{{Clauses: matches("big")}} })
	must(t, err)
	_, err = h.changeSegment(t, "big", func(s *catalog.Segment) { s.Rules = []catalog.SegmentRule{{Clauses: matches("vip")}} })
	wantKind(t, err, fault.Invalid)
	if !strings.Contains(err.Error(), "big -> vip -> big") {
		t.Errorf("the cycle is not named: %v", err)
	}
}

func TestAKindBecomesKnownWithItsSegment(t *testing.T) {
	h := furnished(t)
	_, err := h.CreateSegment(t.Context(), root, "web", "test", admin.NewSegment{Key: "orgs", Name: "Orgs", Unbounded: true, Kind: "org"})
	must(t, err)
	must(t, h.EnsureContextKind(t.Context(), "web", "org"))
	p, err := h.Project(t.Context(), viewer, "web")
	must(t, err)
	k, ok := p.ContextKind("org")
	if !ok || k.CreatedFrom != "auto-add" || k.Version != 1 || len(p.ContextKinds) != 2 {
		t.Errorf("kinds %+v", p.ContextKinds)
	}
	wantKind(t, h.EnsureContextKind(t.Context(), "web", "multi"), fault.Invalid)
	wantKind(t, h.EnsureContextKind(t.Context(), "nope", "org"), fault.NotFound)
	_, err = h.CreateSegment(t.Context(), root, "web", "test", admin.NewSegment{Key: "bad", Name: "Bad", Unbounded: true, Kind: "kind"})
	wantKind(t, err, fault.Invalid)
}

// What happens in one environment or project leaves every other as it was.
func TestEnvironmentsAndProjectsAreApart(t *testing.T) {
	h := furnished(t)
	_, err := h.CreateSegment(t.Context(), root, "web", "production", admin.NewSegment{Key: "vip", Name: "Production VIP"})
	must(t, err)
	_, err = h.changeSegment(t, "vip", func(s *catalog.Segment) { s.Included = []string{"u1"} })
	must(t, err)
	_, err = h.changeFlag(t, "checkout", func(f *catalog.Flag) { f.Environments["test"].On = true })
	must(t, err)
	for _, at := range []struct {
		project catalog.ProjectKey
		env     catalog.EnvKey
	}{{"web", "production"}, {"other", "test"}} {
		s, err := h.Segment(t.Context(), root, at.project, at.env, "vip")
		must(t, err)
		if s.Version != 1 || len(s.Included) != 0 {
			t.Errorf("segment of %v: %+v", at, s)
		}
		f, err := h.Flag(t.Context(), root, at.project, "checkout")
		must(t, err)
		if c := f.Environments[at.env]; c.On || c.Version != 1 {
			t.Errorf("flag in %v: %+v", at, c)
		}
	}
	must(t, h.deleteSegment(t, root, "web", "test", "vip"))
	if _, err := h.Segment(t.Context(), root, "web", "production", "vip"); err != nil {
		t.Error(err)
	}
}
