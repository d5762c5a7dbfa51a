package access

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/catalog"
	"muster/internal/store"
)

// uses remembers when tokens and sessions were used, and account members seen, since the start.
type uses struct {
	at sync.Map // catalog.ID to *atomic.Int64, Unix milliseconds
}

func (u *uses) note(id catalog.ID, now time.Time) {
	last, ok := u.at.Load(id)
	if !ok {
		last, _ = u.at.LoadOrStore(id, new(atomic.Int64))
	}
	last.(*atomic.Int64).Store(now.UnixMilli())
}

// since returns the newer of what is remembered and what was kept.
func (u *uses) since(id catalog.ID, kept time.Time) time.Time {
	if last, ok := u.at.Load(id); ok {
		if at := time.UnixMilli(last.(*atomic.Int64).Load()); at.After(kept) {
			return at
		}
	}
	return kept
}

// LastUsed returns when the token was last used; zero if never.
func (a *Access) LastUsed(t *catalog.Token) time.Time { return a.uses.since(t.ID, t.UsedAt) }

// LastSeen returns when the account member was last seen, by password or personal token; zero if never.
func (a *Access) LastSeen(m *catalog.Member) time.Time { return a.uses.since(m.ID, m.SeenAt) }

// KeepUses writes down what was used since the last time, and drops sessions that are over. It costs
// one write however much that is.
func (a *Access) KeepUses(ctx context.Context, w store.Writer) error {
	a.uses.forget(a.catalog)
	if !a.unkept(a.catalog, func(*catalog.Token) {}, func(*catalog.Member) {}) {
		return nil
	}
	_, err := w.Update(ctx, store.Account, func(tx store.Tx) error {
		a.unkept(tx, tx.PutToken, tx.PutMember)
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep when tokens were used: %w", err)
	}
	return nil
}

// unkept yields clones of what was used since it was last kept, or has sessions that are over, and
// reports whether there was any.
func (a *Access) unkept(from store.Catalog, token func(*catalog.Token), member func(*catalog.Member)) bool {
	found := false
	for _, t := range from.Tokens() {
		used := a.LastUsed(t)
		signIns, changed := a.presentSignIns(t.SignIns)
		if changed || used.After(t.UsedAt) {
			t = t.Clone()
			t.UsedAt, t.SignIns = used, signIns
			token(t)
			found = true
		}
	}
	for _, m := range from.Members() {
		seen := a.LastSeen(m)
		signIns, changed := a.presentSignIns(m.SignIns)
		if changed || seen.After(m.SeenAt) {
			m = m.Clone()
			m.SeenAt, m.SignIns = seen, signIns
			member(m)
			found = true
		}
	}
	return found
}

// presentSignIns returns the sessions that are not over, with when they were last used, and reports
// whether that is another list.
func (a *Access) presentSignIns(all []catalog.SignIn) (present []catalog.SignIn, changed bool) {
	now := a.now()
	for _, s := range all {
		used := a.uses.since(s.ID, s.UsedAt)
		if s.Ended(now, used) {
			changed = true
			continue
		}
		changed = changed || used.After(s.UsedAt)
		s.UsedAt = used
		present = append(present, s)
	}
	return present, changed
}

// forget drops what is remembered of what does not exist any more.
func (u *uses) forget(c store.Catalog) {
	known := make(map[catalog.ID]bool)
	add := func(id catalog.ID, all []catalog.SignIn) {
		known[id] = true
		for i := range all {
			known[all[i].ID] = true
		}
	}
	for _, t := range c.Tokens() {
		add(t.ID, t.SignIns)
	}
	for _, m := range c.Members() {
		add(m.ID, m.SignIns)
	}
	u.at.Range(func(id, _ any) bool {
		if !known[id.(catalog.ID)] {
			u.at.Delete(id)
		}
		return true
	})
}
