package access_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/access"
	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// counted counts writes.
type counted struct {
	store.Writer
	writes int
}

func (c *counted) Update(ctx context.Context, scope store.Scope, fn func(store.Tx) error) (segment.Revision, error) {
	c.writes++
	return c.Writer.Update(ctx, scope, fn)
}

func TestUsesAreKept(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	db, err := pebblestore.Open("data", vfs.NewMem(), log, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), db, db, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		e.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	ann := &catalog.Member{ID: catalog.NewID(), Role: catalog.RoleOwner}
	personal := &catalog.Token{ID: catalog.NewID(), Owner: ann.ID, Role: catalog.RoleReader, HashedSecret: catalog.HashedSecret{Hash: catalog.HashSecret("api-personal")}}
	robot := &catalog.Token{ID: catalog.NewID(), Service: true, Owner: ann.ID, Role: catalog.RoleReader, HashedSecret: catalog.HashedSecret{Hash: catalog.HashSecret("api-robot")}}
	_, err = e.Update(t.Context(), store.Account, func(tx store.Tx) error {
		tx.PutMember(ann)
		tx.PutToken(personal)
		tx.PutToken(robot)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	now := noon
	a, w := access.New(e, func() time.Time { return now }), &counted{Writer: e}
	use := func(secret string) {
		t.Helper()
		if _, err := a.Caller(secret); err != nil {
			t.Fatal(err)
		}
	}
	keep := func(writes int) {
		t.Helper()
		if err := a.KeepUses(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if w.writes != writes {
			t.Fatalf("%d writes, want %d", w.writes, writes)
		}
	}
	keep(0)
	use("api-robot")
	if got := a.LastUsed(robot); !got.Equal(noon) {
		t.Errorf("the robot's token was used %v", got)
	}
	if got := a.LastSeen(ann); !got.IsZero() {
		t.Errorf("a robot makes its owner seen: %v", got)
	}
	keep(1)
	keep(1)
	now = noon.Add(time.Hour)
	use("api-personal")
	keep(2)

	again := access.New(e, func() time.Time { return now })
	for what, tt := range map[string]struct{ got, want time.Time }{
		"the personal token": {again.LastUsed(tokenOf(t, e, personal.ID)), noon.Add(time.Hour)},
		"the robot's token":  {again.LastUsed(tokenOf(t, e, robot.ID)), noon},
		"the member":         {again.LastSeen(memberOf(t, e, ann.ID)), noon.Add(time.Hour)},
	} {
		if !tt.got.Equal(tt.want) {
			t.Errorf("%s was seen %v, want %v", what, tt.got, tt.want)
		}
	}
}

func tokenOf(t *testing.T, c store.Catalog, id catalog.ID) *catalog.Token {
	t.Helper()
	found, ok := c.Token(id)
	if !ok {
		t.Fatalf("no token %s", id)
	}
	return found
}

func memberOf(t *testing.T, c store.Catalog, id catalog.ID) *catalog.Member {
	t.Helper()
	found, ok := c.Member(id)
	if !ok {
		t.Fatalf("no member %s", id)
	}
	return found
}
