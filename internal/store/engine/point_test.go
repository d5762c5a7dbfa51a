package engine_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// kept keeps a point of segment "vip", or lets go of it.
func (d *disk) kept(t *testing.T, id segment.PointID, kept bool) {
	t.Helper()
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.KeepPoint(testEnv, "vip", id, kept)
		return err
	})
}

// pointsLeft returns the points of segment "vip" that are left, newest first, when those that are too
// old or too many were dropped, which waits for the newest exchange to be counted.
func (d *disk) pointsLeft(t *testing.T) (ids []segment.PointID) {
	t.Helper()
	head, err := d.Head(testEnv)
	if err != nil {
		t.Fatal(err)
	}
	for rev := range head {
		_, _ = d.Counted(t.Context(), testEnv, vip, rev+1) // most revisions exchange nothing
	}
	d.ExpirePoints()
	points, err := d.Points(testEnv, "vip")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		if p.Kept != p.ExpiresAt.IsZero() {
			t.Errorf("point %s: kept %t, expires at %s", p.ID, p.Kept, p.ExpiresAt)
		}
		ids = append(ids, p.ID)
	}
	return ids
}

func TestAPointThatIsKeptOutlivesItsAgeAndNewerPoints(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{MaxPoints: 2, PointAge: 24 * time.Hour, Now: func() time.Time { return now }})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 10)
	var made []segment.PointID
	for i := range 4 {
		made = append(made, d.replaced(t, "vip", 0, 20+i))
		if i == 0 {
			d.kept(t, made[0], true)
		}
	}
	want := func(when string, ids ...segment.PointID) {
		t.Helper()
		if got := d.pointsLeft(t); !slices.Equal(got, ids) {
			t.Fatalf("%s the points %q are left, want %q", when, got, ids)
		}
	}
	want("with newer ones", made[3], made[2], made[0])
	now = now.Add(25 * time.Hour)
	want("when all are too old", made[0])
	d.reopen(t)
	want("after a start", made[0])
	m, err := d.PointMembers(t.Context(), testEnv, "vip", made[0])
	if err != nil || m.Counts().Included != 10 {
		t.Fatalf("the point that is kept has the members %+v, %v; want 10", m, err)
	}
	d.kept(t, made[0], false)
	want("when it was let go of")
}

func TestNoPointIsKeptLongerThanItsSegment(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := newDisk(t, engine.Options{PointAge: 24 * time.Hour, Now: func() time.Time { return now }})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 10)
	d.kept(t, d.replaced(t, "vip", 0, 20), true)
	d.update(t, store.Scope{Env: testEnv}, func(tx store.Tx) error { tx.DeleteSegment(testEnv, "vip"); return nil })
	if left := d.pointsLeft(t); len(left) != 2 {
		t.Fatalf("the points %q are left, want that of the replace and that of the deletion", left)
	}
	now = now.Add(25 * time.Hour)
	if left := d.pointsLeft(t); len(left) > 0 {
		t.Errorf("the points %q of a segment that is gone are left", left)
	}
}

func TestSoManyPointsAreKeptAndNoMore(t *testing.T) {
	d := newDisk(t, engine.Options{MaxPoints: 2 * segment.MaxKeptPoints})
	d.found(t)
	d.apply(t, "vip", segment.Include, 0, 1)
	for i := range segment.MaxKeptPoints {
		d.kept(t, d.replaced(t, "vip", 0, 2+i), true)
	}
	last := d.replaced(t, "vip", 0, 100)
	_, err := d.Update(t.Context(), store.Scope{Env: testEnv}, func(tx store.Tx) error {
		_, err := tx.KeepPoint(testEnv, "vip", last, true)
		return err
	})
	if !errors.Is(err, store.ErrTooManyKept) {
		t.Errorf("one more was kept: %v", err)
	}
	if left := d.pointsLeft(t); len(left) != segment.MaxKeptPoints+1 {
		t.Errorf("%d points are left", len(left))
	}
}
