package admin_test

import (
	"testing"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
)

func TestAuditEntriesAreSelected(t *testing.T) {
	h := furnished(t)
	_, err := h.ChangeSegment(t.Context(), root, "web", "test", "vip", admin.Change{Comment: "for the launch"}, func(s *catalog.Segment) error {
		s.Name = "Very important"
		return nil
	})
	must(t, err)
	tests := []struct {
		name string
		q    admin.AuditQuery
		want int
	}{
		{"by a word of the comment", admin.AuditQuery{Text: "LAUNCH"}, 1},
		{"by the new name", admin.AuditQuery{Text: "important"}, 1},
		{"by nothing that is there", admin.AuditQuery{Text: "zzz"}, 0},
		{"by one segment", admin.AuditQuery{Spec: "proj/web:env/test:segment/vip"}, 2},
		{"by the segments of one environment", admin.AuditQuery{Spec: "proj/web:env/test:segment/*"}, 3},
		{"by another environment", admin.AuditQuery{Spec: "proj/web:env/production:segment/*"}, 0},
		{"a few", admin.AuditQuery{Limit: 2}, 2},
		{"after now", admin.AuditQuery{After: clock}, 0},
		{"before then", admin.AuditQuery{Before: clock.Add(-1)}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := h.AuditEntries(t.Context(), root, tt.q)
			must(t, err)
			if len(got) != tt.want {
				t.Errorf("got %d entries, want %d: %+v", len(got), tt.want, got)
			}
		})
	}
	_, err = h.AuditEntries(t.Context(), root, admin.AuditQuery{Spec: "proj/x::flag/y"})
	wantKind(t, err, fault.Invalid)

	e, err := h.AuditEntries(t.Context(), root, admin.AuditQuery{Limit: 1})
	must(t, err)
	if e[0].TitleVerb != "updated the name of" || e[0].Target != segTest || e[0].Comment != "for the launch" || e[0].Project != "web" || e[0].Env != "test" {
		t.Errorf("got %+v", e[0])
	}
}

func TestAuditEntriesOfHiddenProjectsAreHidden(t *testing.T) {
	h := furnished(t)
	_, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Name: "ci", Role: catalog.RoleReader})
	must(t, err)
	got, err := h.AuditEntries(t.Context(), may(allow("viewProject", "proj/other")), admin.AuditQuery{Limit: 1000})
	must(t, err)
	if len(got) == 0 {
		t.Error("nothing is shown")
	}
	for _, e := range got {
		if e.Project != "other" {
			t.Errorf("shown: %+v", e)
		}
	}
}
