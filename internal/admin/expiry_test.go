package admin_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/catalog"
	"muster/internal/store"
)

// passing makes segment crm one that expires.
func (h house) passing(t *testing.T, at time.Time) {
	t.Helper()
	env := h.env(t, "web", "test")
	_, err := h.store.Update(t.Context(), store.Scope{Env: env.ID}, func(tx store.Tx) error {
		s, _ := tx.Segment(env.ID, "crm")
		s = s.Clone()
		s.ExpiresAt = at
		tx.PutSegment(s)
		return nil
	})
	must(t, err)
}

func (h house) has(t *testing.T, want bool, when string) {
	t.Helper()
	must(t, h.ExpireSegments(t.Context()))
	if _, ok := h.store.Segment(h.env(t, "web", "test").ID, "crm"); ok != want {
		t.Fatalf("%s the segment exists: %t", when, ok)
	}
}

func TestASegmentIsDeletedWhenItsTimeIsOverAlsoAfterAStart(t *testing.T) {
	disk := vfs.NewMem()
	h, end := openHouse(t, disk, func(err error) { t.Errorf("store failed: %v", err) })
	h.furnish(t)
	h.passing(t, clock.Add(time.Hour))
	h.has(t, true, "an hour too early")
	end()
	defer func(was time.Time) { clock = was }(clock)
	clock = clock.Add(59 * time.Minute)
	h, end = openHouse(t, disk, func(err error) { t.Errorf("store failed: %v", err) })
	defer end()
	h.has(t, true, "a minute too early")
	clock = clock.Add(time.Minute)
	h.has(t, false, "when its time is over")
	for entry, err := range h.store.AuditEntries(t.Context(), time.Time{}) {
		must(t, err)
		if entry.TitleVerb == "deleted the segment" && entry.Actor.Kind == "system" {
			return
		}
	}
	t.Error("the audit log does not say that muster deleted it")
}

func TestASegmentThatARuleNamesOutlivesItsTime(t *testing.T) {
	h := furnished(t)
	h.passing(t, clock)
	_, err := h.changeFlag(t, "checkout", func(f *catalog.Flag) {
		f.Environments["test"].Rules = []catalog.FlagRule{{Serve: catalog.Serve{Variation: new(0)}, Clauses: matches("crm")}}
	})
	must(t, err)
	h.has(t, true, "while a rule names it")
	_, err = h.changeFlag(t, "checkout", func(f *catalog.Flag) { f.Environments["test"].Rules = nil })
	must(t, err)
	h.has(t, false, "when no rule names it any more")
}

func TestAnImportOfSDKDataLeavesASegmentItsTime(t *testing.T) {
	h := furnished(t)
	h.passing(t, clock.Add(time.Hour))
	data := sdkData(t, h, "test")
	data["segments"]["crm"]["salt"] = "another"
	body, err := json.Marshal(data)
	must(t, err)
	must(t, h.PutSDKData(t.Context(), root, "web", "test", body))
	s, _ := h.Segment(t.Context(), root, "web", "test", "crm")
	if s.Salt != "another" || !s.ExpiresAt.Equal(clock.Add(time.Hour)) {
		t.Errorf("after the import it has the salt %q and is deleted at %v", s.Salt, s.ExpiresAt)
	}
}
