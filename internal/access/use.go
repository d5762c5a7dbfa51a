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

// uses remembers when tokens were used, and account members seen, since the start.
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

// LastSeen returns when a personal token of the account member was last used; zero if never.
func (a *Access) LastSeen(m *catalog.Member) time.Time { return a.uses.since(m.ID, m.SeenAt) }

// KeepUses writes down what was used since the last time. It costs one write however much that is.
func (a *Access) KeepUses(ctx context.Context, w store.Writer) error {
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

// unkept yields clones of what was used since it was last kept, and reports whether there was any.
func (a *Access) unkept(from store.Catalog, token func(*catalog.Token), member func(*catalog.Member)) bool {
	found := false
	for _, t := range from.Tokens() {
		if at := a.LastUsed(t); at.After(t.UsedAt) {
			t = t.Clone()
			t.UsedAt = at
			token(t)
			found = true
		}
	}
	for _, m := range from.Members() {
		if at := a.LastSeen(m); at.After(m.SeenAt) {
			m = m.Clone()
			m.SeenAt = at
			member(m)
			found = true
		}
	}
	return found
}
