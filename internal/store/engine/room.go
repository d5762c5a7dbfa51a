package engine

import (
	"errors"
	"io"
	"sync/atomic"

	"muster/internal/fault"
	"muster/internal/store"
	"muster/internal/store/roster"
)

// The default of [Options.DiskReserve]: the larger of both.
const (
	reserveBytes   = 2 << 30
	reservePercent = 3
)

func defaultReserve(size uint64) uint64 { return max(reserveBytes, size/100*reservePercent) }

// Room returns how much room the disk has.
func (e *Engine) Room() (store.Room, error) {
	free, size, err := e.files.Free()
	if err != nil {
		return store.Room{}, err
	}
	return store.Room{Free: free, Size: size, Reserve: e.o.DiskReserve(size)}, nil
}

// room returns a fault of kind Unavailable while the disk has less left than its reserve. What needs
// room asks before, and while it writes much; what frees room does not.
func (e *Engine) room() error {
	r, err := e.Room()
	if err != nil {
		return nil //nolint:nilerr // nobody knows, so the disk itself has to say no
	}
	if low := r.Low(); e.low.Swap(low) != low {
		if low {
			e.o.Logger.Error("the disk is nearly full: members are not taken and files not written until there is room", "free_bytes", r.Free, "reserve_bytes", r.Reserve)
		} else {
			e.o.Logger.Info("the disk has room again", "free_bytes", r.Free, "reserve_bytes", r.Reserve)
		}
	}
	if !r.Low() {
		return nil
	}
	return fault.Unavailablef("the disk has %d bytes left and %d are kept free (--disk-reserve); nothing was changed: delete what is not needed or give it a larger disk, then send the request again", r.Free, r.Reserve)
}

// full makes of an error of a disk that is full one that says when to try again.
func full(err error) error {
	if !errors.Is(err, store.ErrFull) {
		return err
	}
	return fault.Unavailablef("the disk is full; nothing was changed: delete what is not needed or give it a larger disk, then send the request again").Because(err)
}

// room is asked once in a step: its updates are few changes.
func (t *tx) room() error {
	if !t.step.asked {
		t.step.asked, t.step.noRoom = true, t.step.e.room()
	}
	return t.step.noRoom
}

// roomStep is how much is written without asking for room again.
const roomStep = 1 << 20

// roomWriter ends what writes a lot once the disk has no room any more.
type roomWriter struct {
	io.Writer
	e *Engine
	n int64
}

func (w *roomWriter) Write(p []byte) (int, error) {
	if before := w.n; before/roomStep != (before+int64(len(p)))/roomStep {
		if err := w.e.room(); err != nil {
			return 0, err
		}
	}
	n, err := w.Writer.Write(p)
	w.n += int64(n)
	return n, err
}

// roomScratch is roomWriter for a scratch file.
type roomScratch struct {
	roster.Scratch
	e *Engine
	n atomic.Int64
}

func (s *roomScratch) WriteAt(p []byte, off int64) (int, error) {
	if after := s.n.Add(int64(len(p))); (after-int64(len(p)))/roomStep != after/roomStep {
		if err := s.e.room(); err != nil {
			return 0, err
		}
	}
	return s.Scratch.WriteAt(p, off)
}
