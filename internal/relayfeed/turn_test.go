package relayfeed_test

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/catalog"
	"muster/internal/relayfeed"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
)

// turn moves a segment one step on to its next generation: it begins, SDKs are told, it ends.
func (w *world) turn(key segment.Key) segment.Revision {
	w.t.Helper()
	return w.update(store.Scope{Env: envID}, func(tx store.Tx) error {
		s, _ := tx.Segment(envID, key)
		s = s.Clone()
		switch {
		case s.Turn == nil:
			s.Origin = s.Home().Generation
			s.Turn = &catalog.Turn{From: s.Generation, To: tx.LastGeneration(envID, key) + 1}
		case s.Generation == s.Turn.From:
			s.Generation, s.Version = s.Turn.To, s.Version+1
		default:
			s.Turn = nil
		}
		tx.PutSegment(s)
		return nil
	})
}

// has reports whether the feed takes a relay for one that has everything up to a revision.
func (w *world) has(address string, rev segment.Revision) bool {
	for _, f := range w.feed.Followers(envID) {
		if f.Address == address {
			return f.Complete && f.Revision >= rev
		}
	}
	return false
}

// wantStaying demands that whoever asks for the published generation finds those who stay: in the relay's
// store, and in the server, where the Redis-protocol endpoint looks.
func (r *relay) wantStaying(key segment.Key, when string) {
	r.w.t.Helper()
	s, _ := r.w.store.Segment(envID, key)
	v, err := r.w.store.View(envID)
	if err != nil {
		r.w.t.Fatal(err)
	}
	for i := range staying {
		h := segment.HashOf(fmt.Sprintf("context-%d", i))
		if r.members[s.Ref().String()][h.String()] != segment.Include {
			r.w.t.Fatalf("%s context-%d is not in %s of the relay's store", when, i, s.Ref())
		}
		if ops, err := v.State(s.Ref(), h); ops != segment.Include || err != nil {
			r.w.t.Fatalf("%s context-%d is %04b of %s in the server, %v", when, i, ops, s.Ref(), err)
		}
	}
}

// staying contexts are members from the beginning to the end.
const staying = 20

// A page that a relay was told lies in no database yet.
func TestARelayHasWhatItAsksForMoreAfter(t *testing.T) {
	w := newWorld(t, engine.Options{}, relayfeed.Options{Pause: 1})
	w.put("vip")
	w.push("vip", 0, 10)
	r := newRelay(w, "10.0.0.1")
	for _, what := range []string{"everything", "a change"} {
		w.settle()
		head, err := w.store.Head(envID)
		if err != nil {
			t.Fatal(err)
		}
		r.poll()
		if w.has(r.address, head) {
			t.Errorf("a relay that is being told %s is said to have it", what)
		}
		if !r.poll() || !w.has(r.address, head) {
			t.Errorf("a relay that took %s is said not to have it", what)
		}
		w.push("vip", 10, 20)
	}
}

// What was written to a stream may wait before a database that is slow: SDKs are told of the next generation once a poll has
// said that it is there.
func TestAMoveWaitsUntilARelayThatReadsAStreamSaysThatItHasTheMembers(t *testing.T) {
	w := newWorld(t, engine.Options{}, relayfeed.Options{Pause: 1})
	w.put("vip")
	w.push("vip", 0, 10)
	w.settle()
	r, other := newRelay(w, "10.0.0.1"), newRelay(w, "10.0.0.2")
	r.connect()
	begun := w.turn("vip")
	w.settle()
	other.connect()
	if w.has(r.address, begun) {
		t.Error("a relay is said to have what was not even written")
	}
	if m, err := r.stream.Next(); err != nil || len(m.Bytes) == 0 {
		t.Fatalf("the stream says %q, %v", m.Bytes, err)
	}
	if w.has(r.address, begun) {
		t.Error("a relay is said to have what was only written to it")
	}
	if _, err := r.stream.Next(); !errors.Is(err, relayfeed.ErrAsked) {
		t.Errorf("the stream goes on: %v", err)
	}
	r.leave()
	r.poll() // and takes its time
	if w.has(r.address, begun) {
		t.Error("a relay is said to have what it was only told")
	}
	r.connect()
	if !w.has(r.address, begun) || !w.has(other.address, begun) {
		t.Errorf("relays that asked for more are said not to have it: %+v", w.feed.Followers(envID))
	}
	w.push("vip", 10, 20) // of both generations; the stream goes on
	w.settle()
	r.read()
	other.read()
	w.turn("vip")
	w.turn("vip")
	w.settle()
	r.read()
	r.wantTruth()
}

// TestNobodyIsMissingFromARelayWhileASegmentMoves plays moves beside pushes, whole lists and restarts.
// A move goes on only when the relay has the begin of it, as the feed sees that.
func TestNobodyIsMissingFromARelayWhileASegmentMoves(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, engine.Options{InlineChanges: 30, SegmentPending: 25}, relayfeed.Options{Pause: 1})
		defer w.close()
		w.put("vip")
		w.push("vip", 0, staying+10)
		r := newRelay(w, "10.0.0.1")
		defer r.leave()
		w.settle()
		r.connect()
		var begun segment.Revision
		for range rapid.IntRange(10, 40).Draw(rt, "steps") {
			what := rapid.SampledFrom([]string{"push", "leave", "replace", "turn", "turn", "read", "read", "poll", "restart"}).Draw(rt, "step")
			switch s, _ := w.store.Segment(envID, "vip"); what {
			case "push":
				w.push("vip", staying, staying+rapid.IntRange(1, 60).Draw(rt, "contexts"))
			case "leave":
				w.change("vip", map[string]segment.Ops{fmt.Sprintf("context-%d", staying+rapid.IntRange(0, 60).Draw(rt, "context")): segment.Uninclude})
			case "replace":
				w.replace("vip", 0, staying+rapid.IntRange(1, 60).Draw(rt, "contexts"))
			case "turn":
				w.settle()
				switch {
				case s.Turn == nil:
					begun = w.turn("vip")
				case w.has(r.address, begun):
					w.turn("vip")
				}
			case "read":
				w.settle()
				r.read()
			case "poll":
				r.leave()
				w.settle()
				r.poll()
			case "restart":
				r.leave()
				w.restart()
			}
			r.wantStaying("vip", "after "+what)
		}
		w.settle()
		r.connect()
		if s, _ := w.store.Segment(envID, "vip"); s.Turn != nil {
			if s.Generation == s.Turn.From {
				w.turn("vip")
			}
			w.turn("vip")
			w.settle()
			r.read()
		}
		r.wantStaying("vip", "in the end")
		r.wantTruth()
	})
}
