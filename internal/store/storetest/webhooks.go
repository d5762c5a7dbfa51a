package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/store"
)

// testAuditOrder writes entries from several environments at once, with times in any order, beside a
// reader who goes on from where he stood, also over a restart.
func testAuditOrder(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s)
	const writers, each = 4, 50
	var at catalog.AuditPosition
	seen := map[catalog.ID]int{}
	last := map[string]int{} // of each writer
	read := func(s store.Store) {
		for a, err := range s.AuditAfter(t.Context(), at) {
			if err != nil {
				t.Fatal(err)
			}
			if a.Position <= at {
				t.Fatalf("position %d comes after %d", a.Position, at)
			}
			at = a.Position
			seen[a.Entry.ID]++
			var writer string
			var n int
			if _, err := fmt.Sscan(strings.Replace(a.Entry.Name, "/", " ", 1), &writer, &n); err != nil {
				t.Fatal(err)
			}
			if n != last[writer]+1 {
				t.Fatalf("entry %s comes after number %d", a.Entry.Name, last[writer])
			}
			last[writer] = n
		}
	}
	round := func(s store.Store, from int) {
		var writing sync.WaitGroup
		for w := range writers {
			scope := []store.Scope{{Env: envOne}, {Env: envTwo}, {Project: "p"}, store.Account}[w]
			writing.Go(func() {
				for i := range each {
					entry := newAuditEntry(1000*w + from + i)
					entry.At = time.Unix(int64(1_000_000-from-i), 0) // later entries are of earlier times
					entry.Name = fmt.Sprint("w", w, "/", from+i+1)
					if _, err := s.Update(t.Context(), scope, func(tx store.Tx) error { tx.Audit(entry); return nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { writing.Wait(); close(done) }()
		for writing := true; writing; {
			select {
			case <-done:
				writing = false
			default:
			}
			read(s)
		}
	}
	round(s, 0)
	m.Cut(t)
	s = m.Start(t)
	read(s)
	round(s, each)
	if len(seen) != 2*writers*each || s.AuditHead() != at {
		t.Errorf("%d entries were read up to %d, want %d up to %d", len(seen), at, 2*writers*each, s.AuditHead())
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("entry %s was read %d times", id, n)
		}
	}
	m.Stop(t)
}

func testWebhookProgress(t *testing.T, m Machine[store.Store]) {
	s := m.Start(t)
	furnish(t, s)
	first, second := newWebhook(60), newWebhook(61)
	mustUpdate(t, s, store.Account, func(tx store.Tx) error {
		tx.PutWebhook(first)
		tx.PutWebhook(second)
		return nil
	})
	progress := catalog.WebhookProgress{Told: 7}
	progress.Note(catalog.Delivery{At: at(1), Entry: catalog.ID(idOf(2)), Attempt: 1, Status: 204, Took: time.Second})
	if p, err := s.WebhookProgress(t.Context(), first.ID); err != nil || p.Told != 0 || len(p.Deliveries) != 0 {
		t.Errorf("before anything was kept: %+v, %v", p, err)
	}
	if err := s.KeepWebhookProgress(t.Context(), map[catalog.ID]catalog.WebhookProgress{first.ID: progress, second.ID: progress}); err != nil {
		t.Fatal(err)
	}
	m.Cut(t)
	s = m.Start(t)
	mustUpdate(t, s, store.Account, func(tx store.Tx) error { tx.DeleteWebhook(second.ID); return nil })
	if err := s.KeepWebhookProgress(t.Context(), map[catalog.ID]catalog.WebhookProgress{second.ID: progress}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[catalog.ID]catalog.WebhookProgress{first.ID: progress, second.ID: {}} {
		got, err := s.WebhookProgress(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "progress of "+string(id), want, got)
	}
	m.Stop(t)
}
