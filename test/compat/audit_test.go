package compat

import (
	"strings"
	"testing"
)

func driveAudit(t *testing.T, r *rest) {
	ctx, audit := r.auth(t), r.AuditLogApi
	page := from(audit.GetAuditLogEntries(ctx).Limit(5).Execute()).ok(t)
	if len(page.Items) < 5 || page.Links["next"].Href == nil {
		t.Fatalf("the first page has %d entries and links %v", len(page.Items), page.Links)
	}
	seen := map[string]bool{}
	for next := "/auditlog?limit=20"; next != ""; {
		got := r.raw(t, 200, "GET", next, "")
		for _, item := range got["items"].([]any) {
			id := item.(map[string]any)["_id"].(string)
			if seen[id] {
				t.Fatalf("entry %s comes twice", id)
			}
			seen[id] = true
		}
		link, _ := got["_links"].(map[string]any)["next"].(map[string]any)
		next, _ = link["href"].(string)
		next = strings.TrimPrefix(next, "/api/v2")
	}
	if len(seen) < 30 {
		t.Errorf("the log has %d entries", len(seen))
	}
	entry := from(audit.GetAuditLogEntry(ctx, page.Items[0].Id).Execute()).ok(t)
	if entry.Id != page.Items[0].Id || len(entry.Accesses) == 0 {
		t.Errorf("entry is %+v", entry)
	}
	from(audit.GetAuditLogEntry(ctx, "64b0c9f2a1d3e4f506172800").Execute()).refused(t, 404, "not_found")
	some := from(audit.GetAuditLogEntries(ctx).Spec("proj/default:env/production:segment/fleet").Limit(20).Execute()).ok(t)
	if len(some.Items) == 0 {
		t.Fatal("no entry of a segment")
	}
	for _, e := range some.Items {
		if e.Kind != "segment" {
			t.Errorf("an entry of kind %s is about a segment", e.Kind)
		}
	}
	if none := from(audit.GetAuditLogEntries(ctx).After(4102444800000).Execute()).ok(t); len(none.Items) != 0 {
		t.Errorf("%d entries of the future", len(none.Items))
	}
}
