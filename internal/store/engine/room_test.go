package engine_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/storetest"
)

const reserved = 1 << 20

// onSmallDisk opens an engine on a disk of 1 GiB of which a MiB is kept in reserve.
func onSmallDisk(t *testing.T) (*disk, *storetest.Disk) {
	t.Helper()
	d := newDisk(t, engine.Options{InlineChanges: 100, DiskReserve: func(uint64) uint64 { return reserved }})
	small := &storetest.Disk{Files: d.driver, Size: 1 << 30}
	small.Left.Store(1 << 30)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.Engine, err = engine.Open(t.Context(), d.driver, small, d.o); err != nil {
		t.Fatal(err)
	}
	return d, small
}

func wantNoRoom(t *testing.T, what string, err error) {
	t.Helper()
	f := fault.From(err)
	if f.Kind != fault.Unavailable || !strings.Contains(f.Message, "--disk-reserve") || !strings.Contains(f.Message, "1048576") {
		t.Errorf("%s without room: %v", what, err)
	}
}

func numbered(from, to int) *segment.Changes {
	c := &segment.Changes{}
	for i := from; i < to; i++ {
		c.Append(userKey(i), segment.Include)
	}
	return c
}

func TestADiskWithoutRoomTakesNoMembersAndGoesOnByItself(t *testing.T) {
	d, small := onSmallDisk(t)
	d.found(t)
	scope := store.Scope{Env: testEnv}
	d.update(t, scope, func(tx store.Tx) error { tx.PutSegment(unbounded("spare", 1)); return nil })
	d.apply(t, "vip", segment.Include, 0, 10)
	point := d.replaced(t, "vip", 5, 30)
	d.apply(t, "vip", segment.Include, 30, 40)
	load, err := d.Load(t.Context(), store.LoadReplace)
	if err != nil {
		t.Fatal(err)
	}
	defer load.Discard()
	few, err := d.Stage(t.Context(), numbered(100, 101))
	if err != nil {
		t.Fatal(err)
	}
	small.Left.Store(reserved - 1)

	if room, err := d.Room(); err != nil || !room.Low() || room.Free != reserved-1 || room.Size != 1<<30 || room.Reserve != reserved {
		t.Errorf("Room = %+v, %v", room, err)
	}
	_, err = d.Update(t.Context(), scope, func(tx store.Tx) error { _, err := tx.Apply(testEnv, "vip", few); return err })
	wantNoRoom(t, "Apply", err)
	_, err = d.Update(t.Context(), scope, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: testEnv, Segment: "vip", ID: "run"})
		return nil
	})
	wantNoRoom(t, "OpenSession", err)
	_, err = d.Stage(t.Context(), numbered(0, 101))
	wantNoRoom(t, "Stage", err)
	_, err = d.Load(t.Context(), store.LoadReplace)
	wantNoRoom(t, "Load", err)
	_, _, err = load.Seal(t.Context(), testEnv, "vip", "run")
	wantNoRoom(t, "Seal", err)
	err = d.PutDocument(t.Context(), testEnv, "large", func(w io.Writer) error {
		for range 64 {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return err
			}
		}
		return nil
	})
	wantNoRoom(t, "PutDocument", err)
	wantNoRoom(t, "Fold", d.Fold(t.Context(), testEnv))

	if err := d.PutDocument(t.Context(), testEnv, "small", func(w io.Writer) error { _, err := w.Write([]byte("{}")); return err }); err != nil {
		t.Errorf("a small document: %v", err)
	}
	d.update(t, scope, func(tx store.Tx) error { tx.DeleteSegment(testEnv, "spare"); return nil })
	d.update(t, scope, func(tx store.Tx) error {
		_, err := tx.Publish(testEnv, "vip", store.Publication{Point: point, Reason: segment.PointRollback})
		return err
	})
	d.wantMembers(t, vip, 10, func(int) bool { return true })

	small.Left.Store(1 << 30)
	d.apply(t, "vip", segment.Include, 10, 20)
	if err := d.Fold(t.Context(), testEnv); err != nil {
		t.Errorf("fold with room: %v", err)
	}
	d.wantMembers(t, vip, 20, func(int) bool { return true })
	d.reopen(t)
	d.wantMembers(t, vip, 20, func(int) bool { return true })
}

// replaced replaces the members of a segment by contexts from to to, and returns the point of those before.
func (d *disk) replaced(t *testing.T, k segment.Key, from, to int) segment.PointID {
	t.Helper()
	scope := store.Scope{Env: testEnv}
	d.update(t, scope, func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: testEnv, Segment: k, ID: "replace"})
		return nil
	})
	load, err := d.Load(t.Context(), store.LoadReplace)
	if err != nil {
		t.Fatal(err)
	}
	defer load.Discard()
	w := load.Writer()
	for i := from; i < to; i++ {
		if err := w.Append(userKey(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	list, _, err := load.Seal(t.Context(), testEnv, k, "replace")
	if err != nil {
		t.Fatal(err)
	}
	d.update(t, scope, func(tx store.Tx) error {
		_, err := tx.Publish(testEnv, k, store.Publication{Session: "replace", Staged: list, Reason: segment.PointReplace})
		tx.CloseSession(testEnv, k, "replace")
		return err
	})
	points, err := d.Points(testEnv, k)
	if err != nil {
		t.Fatal(err)
	}
	if len(points) == 0 {
		return ""
	}
	return points[0].ID
}

func TestADiskThatFillsWhileAListIsWritten(t *testing.T) {
	d, small := onSmallDisk(t)
	d.found(t)
	for _, left := range []int64{reserved - 1, reserved + 1<<19, 1 << 17} {
		small.Left.Store(left)
		if left < reserved/2 { // a disk that somebody else fills between the question and the write
			d.o.DiskReserve = func(uint64) uint64 { return 0 }
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			var err error
			if d.Engine, err = engine.Open(t.Context(), d.driver, small, d.o); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Stage(t.Context(), numbered(0, 60_000)); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%d bytes left: Stage = %v", left, err)
		} else if errors.Is(err, store.ErrFull) != (left < reserved/2) {
			t.Errorf("%d bytes left: Stage = %v", left, err)
		}
		for id := range d.driver.List(t.Context()) {
			t.Errorf("%d bytes left: file %x stayed", left, id)
		}
	}
	small.Left.Store(1 << 30)
	if st, err := d.Stage(t.Context(), numbered(0, 60_000)); err != nil {
		t.Errorf("Stage with room again: %v", err)
	} else {
		st.Discard()
	}
}
