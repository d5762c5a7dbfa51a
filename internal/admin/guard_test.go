package admin_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
)

func setShrink(percent float64) func(*segment.GuardSettings) error {
	return func(s *segment.GuardSettings) error { s.Shrink = &percent; return nil }
}

func TestLimitsAreInheritedEachByItself(t *testing.T) {
	h := furnished(t)
	change := func(key segment.Key, change func(*segment.GuardSettings) error) admin.Guard {
		t.Helper()
		g, err := h.ChangeGuard(t.Context(), root, "web", "test", catalog.GuardScope{Segment: key}, admin.Change{}, change)
		must(t, err)
		return g
	}
	of := func(key segment.Key) admin.Guard {
		t.Helper()
		g, err := h.Guard(t.Context(), root, "web", "test", catalog.GuardScope{Segment: key})
		must(t, err)
		return g
	}
	if g := of("big"); g.Guard != segment.DefaultGuard || len(g.Inherited()) != 6 {
		t.Errorf("at first: %+v", g)
	}
	change("", func(s *segment.GuardSettings) error {
		shrink, window := 50.0, time.Minute
		s.Shrink, s.Window = &shrink, &window
		return nil
	})
	if g := change("big", setShrink(-1)); g.Shrink != -1 || g.Window != time.Minute || g.Members != 1000 || slices.Contains(g.Inherited(), segment.GuardShrink) || len(g.Inherited()) != 5 {
		t.Errorf("with limits of its own and of the environment: %+v", g)
	}
	origins := map[segment.GuardField]string{
		segment.GuardShrink: "segment", segment.GuardWindow: "environment", segment.GuardMembers: "default",
		segment.GuardAllowEmpty: "default", segment.GuardGrowth: "default", segment.GuardReject: "default",
	}
	if g := of("big"); !maps.Equal(g.Origins, origins) {
		t.Errorf("where its limits come from: %v", g.Origins)
	}
	if g := of(""); g.Shrink != 50 || len(g.Inherited()) != 4 {
		t.Errorf("the environment's: %+v", g)
	}
	if g := change("big", func(s *segment.GuardSettings) error { *s = segment.GuardSettings{}; return nil }); g.Shrink != 50 || len(g.Inherited()) != 6 {
		t.Errorf("inherited again: %+v", g)
	}
	s, err := h.Segment(t.Context(), root, "web", "test", "big")
	must(t, err)
	if s.Guard != nil || s.Version != 1 {
		t.Errorf("the segment afterwards: %+v", s)
	}
}

func TestWhoMayChangeAGuard(t *testing.T) {
	h := furnished(t)
	one := may(allow("viewProject", "proj/*"), allow("updateGuard", "proj/web:env/test:segment/big"))
	_, err := h.ChangeGuard(t.Context(), one, "web", "test", catalog.GuardScope{Segment: "big"}, admin.Change{Comment: "why"}, setShrink(10))
	must(t, err)
	_, err = h.ChangeGuard(t.Context(), one, "web", "test", catalog.GuardScope{}, admin.Change{}, setShrink(10))
	wantKind(t, err, fault.Forbidden)
	_, err = h.ChangeGuard(t.Context(), may(allow("viewProject", "proj/*")), "web", "test", catalog.GuardScope{Segment: "big"}, admin.Change{}, setShrink(20))
	wantKind(t, err, fault.Forbidden)
	_, err = h.Guard(t.Context(), may(), "web", "test", catalog.GuardScope{Segment: "big"})
	wantKind(t, err, fault.NotFound)
	_, err = h.ChangeGuard(t.Context(), one, "web", "test", catalog.GuardScope{Segment: "big"}, admin.Change{}, setShrink(101))
	wantKind(t, err, fault.Invalid)
	entries := h.audited(t, root, admin.AuditQuery{Limit: 1})
	if e := entries[0]; e.TitleVerb != "updated the guard of" || e.Comment != "why" || len(e.Accesses) != 1 ||
		e.Accesses[0].Action != "updateGuard" || e.Accesses[0].Resource != "proj/web:env/test:segment/big" {
		t.Errorf("audit entry %+v", e)
	}
}

func TestASourceHasAGuardBetweenThoseOfItsSegmentsAndOfTheEnvironment(t *testing.T) {
	h := furnished(t)
	set := func(of catalog.GuardScope, change func(*segment.GuardSettings) error) admin.Guard {
		t.Helper()
		g, err := h.ChangeGuard(t.Context(), root, "web", "test", of, admin.Change{}, change)
		must(t, err)
		return g
	}
	tool := catalog.GuardScope{Source: "heap-inbound"}
	set(catalog.GuardScope{}, func(s *segment.GuardSettings) error {
		shrink, members := 50.0, int64(10)
		s.Shrink, s.Members = &shrink, &members
		return nil
	})
	if g := set(tool, setShrink(20)); g.Shrink != 20 || g.Members != 10 || g.Origins[segment.GuardShrink] != "source" || g.Origins[segment.GuardMembers] != "environment" || slices.Contains(g.Inherited(), segment.GuardShrink) || len(g.Inherited()) != 5 {
		t.Errorf("of the source: %+v", g)
	}
	env, err := h.Environment(t.Context(), root, "web", "test")
	must(t, err)
	synced := &catalog.Segment{Key: "heap", Source: &catalog.Source{Tool: "heap-inbound"}}
	if g := env.GuardOf(synced); g.Shrink != 20 || g.Members != 10 {
		t.Errorf("of a segment of the source: %+v", g)
	}
	own := 5.0
	synced.Guard = &segment.GuardSettings{Shrink: &own}
	if g := env.GuardOf(synced); g.Shrink != 5 || g.Members != 10 {
		t.Errorf("of a segment with a limit of its own: %+v", g)
	}
	if g := env.GuardOf(&catalog.Segment{Key: "other"}); g.Shrink != 50 {
		t.Errorf("of a segment without source: %+v", g)
	}
	if g := set(tool, func(s *segment.GuardSettings) error { *s = segment.GuardSettings{}; return nil }); g.Shrink != 50 || len(g.Inherited()) != 6 {
		t.Errorf("inherited again: %+v", g)
	}
	if env, err = h.Environment(t.Context(), root, "web", "test"); err != nil || len(env.SourceGuards) != 0 {
		t.Errorf("left behind: %+v, %v", env.SourceGuards, err)
	}
	one := may(allow("viewProject", "proj/*"), allow("updateGuard", "proj/web:env/test:segment/heap"))
	if _, err := h.ChangeGuard(t.Context(), one, "web", "test", tool, admin.Change{}, setShrink(10)); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("changed by somebody who may change one segment: %v", err)
	}
	if _, err := h.ChangeGuard(t.Context(), root, "web", "test", catalog.GuardScope{Source: "no key"}, admin.Change{}, setShrink(10)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("of what can be no source: %v", err)
	}
}
