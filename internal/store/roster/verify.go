package roster

import (
	"bytes"
	"runtime/debug"

	"muster/internal/segment"
	"muster/internal/store"
)

// Verify reads the whole roster and returns an error that wraps [store.ErrCorrupt] unless every
// checksum holds, the entries are in order and can each be found, and the counts are right.
func (r *Roster) Verify() error { return r.VerifyInSteps(func() error { return nil }) }

// VerifyInSteps is Verify for whoever wants to pause: it calls step now and then, and ends with its
// error if there is one.
func (r *Roster) VerifyInSteps(step func() error) (err error) {
	const stepBytes, stepEntries = 64 * blockBytes, 8 << 10
	defer store.CatchFault(debug.SetPanicOnFault(true), r.b, &err)
	for from, end := uint64(0), uint64(len(r.checked.data)); from < end; from += stepBytes {
		if err := r.checked.bytes(from, min(from+stepBytes, end)); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	var counts segment.Counts
	var keys, n int64
	var last segment.Hash
	for ch, err := range r.All(nil) {
		if err != nil {
			return err
		}
		if n > 0 && bytes.Compare(last[:], ch.Hash[:]) >= 0 {
			return corruptf("%s comes after %s", ch.Hash, last)
		}
		ops, ok, err := r.Find(ch.Hash)
		if err != nil {
			return err
		}
		if !ok || ops != ch.Ops {
			return corruptf("%s is there and can't be found", ch.Hash)
		}
		counts = counts.Add(ch.Ops.Settled())
		if len(ch.Key) > 0 {
			keys++
		}
		last = ch.Hash
		if n++; n%stepEntries == 0 {
			if err := step(); err != nil {
				return err
			}
		}
	}
	if n != r.sum.Entries || counts != r.sum.Counts || keys != r.sum.Keys {
		return corruptf("%d entries, %+v, %d keys; the footer says %+v", n, counts, keys, r.sum)
	}
	return nil
}
