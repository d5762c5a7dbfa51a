package admin_test

import (
	"fmt"
	"testing"
	"time"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

func (h house) audited(t testing.TB, who catalog.Caller, q admin.AuditQuery) []catalog.AuditEntry {
	t.Helper()
	page, err := h.AuditEntries(t.Context(), who, q)
	must(t, err)
	return page.Entries
}

func TestAuditEntriesAreSelected(t *testing.T) {
	h := furnished(t)
	_, err := h.ChangeSegment(t.Context(), root, "web", "test", "vip", admin.Change{Comment: "for the launch"}, func(s *catalog.Segment) error {
		s.Name, s.Tags = "Very important", []string{"gold"}
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
		{"by tags of the segment", admin.AuditQuery{Spec: "proj/web:env/*:segment/*;gold"}, 1},
		{"by statements", admin.AuditQuery{Statements: []policy.Statement{allow("updateName", "proj/web:env/test:segment/*")}}, 1},
		{"by statements with a deny", admin.AuditQuery{Statements: []policy.Statement{
			allow("*", "proj/web:env/test:segment/*"), {Effect: policy.Deny, Actions: []string{"createSegment"}, Resources: []string{"*"}},
		}}, 1},
		{"by statements and specifier", admin.AuditQuery{Spec: "proj/web:env/test:segment/big", Statements: []policy.Statement{allow("*", "*")}}, 1},
		{"by another environment", admin.AuditQuery{Spec: "proj/web:env/production:segment/*"}, 0},
		{"a few", admin.AuditQuery{Limit: 2}, 2},
		{"after now", admin.AuditQuery{After: clock}, 0},
		{"before then", admin.AuditQuery{Before: clock.Add(-1)}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := h.audited(t, root, tt.q)
			if len(got) != tt.want {
				t.Errorf("got %d entries, want %d: %+v", len(got), tt.want, got)
			}
		})
	}
	for _, q := range []admin.AuditQuery{
		{Spec: "proj/x::flag/y"}, {Statements: []policy.Statement{{Effect: "maybe", Actions: []string{"*"}, Resources: []string{"*"}}}},
	} {
		_, err = h.AuditEntries(t.Context(), root, q)
		wantKind(t, err, fault.Invalid)
	}

	e := h.audited(t, root, admin.AuditQuery{Limit: 1})
	if e[0].TitleVerb != "updated the segment" || e[0].Target != segTest || e[0].Comment != "for the launch" || e[0].Project != "web" || e[0].Env != "test" {
		t.Errorf("got %+v", e[0])
	}
}

func TestAuditEntriesAreSelectedByWhoIsBehindThem(t *testing.T) {
	h := furnished(t)
	added, err := h.AddMembers(t.Context(), root, []admin.NewMember{{Email: "noor@x.test", Role: catalog.RoleWriter}})
	must(t, err)
	noor := catalog.Caller{Principal: root.Principal, Member: added[0], Actor: segment.Actor{Kind: "member", ID: string(added[0].ID), Name: "noor@x.test"}}
	personal, _, err := h.CreateToken(t.Context(), noor, admin.NewToken{Name: "laptop", Role: catalog.RoleWriter})
	must(t, err)
	service, _, err := h.CreateToken(t.Context(), noor, admin.NewToken{Name: "ci", Role: catalog.RoleWriter, Service: true})
	must(t, err)
	for _, token := range []*catalog.Token{personal, service} {
		by := catalog.Caller{Principal: root.Principal, Token: token, Actor: segment.Actor{Kind: "token", ID: string(token.ID), Name: token.Name}}
		_, err = h.ChangeSegment(t.Context(), by, "web", "test", "vip", admin.Change{}, func(s *catalog.Segment) error {
			s.Name = "by " + token.Name
			return nil
		})
		must(t, err)
	}
	for what, tt := range map[string]struct {
		actor catalog.ID
		want  int
	}{
		"the member, by personal tokens too": {added[0].ID, 3},
		"the personal token":                 {personal.ID, 1},
		"the service token":                  {service.ID, 1},
		"nobody that there is":               {catalog.NewID(), 0},
	} {
		if got := h.audited(t, root, admin.AuditQuery{Actor: tt.actor, Limit: 100}); len(got) != tt.want {
			t.Errorf("%s: %d entries, want %d: %+v", what, len(got), tt.want, got)
		}
	}
}

func TestAuditEntriesOfHiddenProjectsAreHidden(t *testing.T) {
	h := furnished(t)
	_, _, err := h.CreateToken(t.Context(), root, admin.NewToken{Name: "ci", Role: catalog.RoleReader})
	must(t, err)
	got := h.audited(t, may(allow("viewProject", "proj/other")), admin.AuditQuery{Limit: 1000})
	if len(got) == 0 {
		t.Error("nothing is shown")
	}
	for _, e := range got {
		if e.Project != "other" {
			t.Errorf("shown: %+v", e)
		}
	}
}

func TestOneQueryReadsOnlySoMuch(t *testing.T) {
	h := newHouse(t)
	admin.SetAuditScan(h.Admin, 10)
	_, err := h.store.Update(t.Context(), store.Account, func(tx store.Tx) error {
		for i := range 60 {
			// Three entries in each millisecond.
			tx.Audit(catalog.AuditEntry{ID: catalog.NewID(), At: clock.Add(time.Duration(i/3)*time.Millisecond + time.Duration(i%3)), Name: fmt.Sprint(i)})
		}
		return nil
	})
	must(t, err)
	var before time.Time
	seen := map[string]bool{}
	for pages := 0; ; pages++ {
		page, err := h.AuditEntries(t.Context(), root, admin.AuditQuery{Before: before, Limit: 1000})
		must(t, err)
		for _, e := range page.Entries {
			if seen[e.Name] {
				t.Errorf("entry %s is on two pages", e.Name)
			}
			seen[e.Name] = true
		}
		if before = page.Before; before.IsZero() {
			if pages != 4 {
				t.Errorf("it took %d pages", pages+1)
			}
			break
		}
	}
	if len(seen) != 60 {
		t.Errorf("%d entries, want 60", len(seen))
	}
}
