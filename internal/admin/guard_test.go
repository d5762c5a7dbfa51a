package admin_test

import (
	"slices"
	"testing"
	"time"

	"muster/internal/admin"
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
		g, err := h.ChangeGuard(t.Context(), root, "web", "test", key, admin.Change{}, change)
		must(t, err)
		return g
	}
	of := func(key segment.Key) admin.Guard {
		t.Helper()
		g, err := h.Guard(t.Context(), root, "web", "test", key)
		must(t, err)
		return g
	}
	if g := of("big"); g.Guard != segment.DefaultGuard || len(g.Inherited) != 6 {
		t.Errorf("at first: %+v", g)
	}
	change("", func(s *segment.GuardSettings) error {
		shrink, window := 50.0, time.Minute
		s.Shrink, s.Window = &shrink, &window
		return nil
	})
	if g := change("big", setShrink(-1)); g.Shrink != -1 || g.Window != time.Minute || g.Members != 1000 || slices.Contains(g.Inherited, segment.GuardShrink) || len(g.Inherited) != 5 {
		t.Errorf("with limits of its own and of the environment: %+v", g)
	}
	if g := of(""); g.Shrink != 50 || len(g.Inherited) != 4 {
		t.Errorf("the environment's: %+v", g)
	}
	if g := change("big", func(s *segment.GuardSettings) error { *s = segment.GuardSettings{}; return nil }); g.Shrink != 50 || len(g.Inherited) != 6 {
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
	_, err := h.ChangeGuard(t.Context(), one, "web", "test", "big", admin.Change{Comment: "why"}, setShrink(10))
	must(t, err)
	_, err = h.ChangeGuard(t.Context(), one, "web", "test", "", admin.Change{}, setShrink(10))
	wantKind(t, err, fault.Forbidden)
	_, err = h.ChangeGuard(t.Context(), may(allow("viewProject", "proj/*")), "web", "test", "big", admin.Change{}, setShrink(20))
	wantKind(t, err, fault.Forbidden)
	_, err = h.Guard(t.Context(), may(), "web", "test", "big")
	wantKind(t, err, fault.NotFound)
	_, err = h.ChangeGuard(t.Context(), one, "web", "test", "big", admin.Change{}, setShrink(101))
	wantKind(t, err, fault.Invalid)
	entries := h.audited(t, root, admin.AuditQuery{Limit: 1})
	if e := entries[0]; e.TitleVerb != "updated the guard of" || e.Comment != "why" || len(e.Accesses) != 1 ||
		e.Accesses[0].Action != "updateGuard" || e.Accesses[0].Resource != "proj/web:env/test:segment/big" {
		t.Errorf("audit entry %+v", e)
	}
}
