package redissink_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/sink"
	"muster/internal/sink/redissink"
	"muster/internal/sink/sinktest"
	"muster/internal/store"
)

var kinds = map[catalog.SinkKind]sink.Open{catalog.RedisSink: redissink.Open}

var keys = []segment.Key{"vip", "beta", "trial"}

func newWorld(t testing.TB) *sinktest.World { return sinktest.NewWorld(t, kinds, keys...) }

func TestAStoreFollowsEverythingThatHappens(t *testing.T) {
	r := sinktest.StartRedis(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 9000)...)
	s := settings(t, r.Address, "app")
	id := w.PutSink(s, nil)
	target := open(t, s, nil)
	w.Caught(id)
	w.Equal(target, keys...)

	w.Push("vip", segment.Uninclude, sinktest.Range(5, 3000)...)
	w.Push("vip", segment.Include, 7, 8, 9)
	w.Push("beta", segment.Exclude, sinktest.Range(0, 3000)...)
	w.Push("beta", segment.Unexclude|segment.Include, 1, 2, 3)
	w.Caught(id)
	w.Equal(target, keys...)

	w.Replace("vip", sinktest.Range(6000, 14_000)...)
	w.Caught(id)
	w.Equal(target, keys...)

	w.DeleteSegment("beta")
	w.Caught(id)
	w.Equal(target, keys...)
	deleted := time.Now()
	w.PutSegment("beta", 2)
	w.Push("beta", segment.Include, sinktest.Range(0, 100)...)
	w.Caught(id)
	w.Equal(target, keys...)

	st := w.Status(id)
	if st.State != sink.Current || st.LagRevisions != 0 || st.Lag != 0 || st.Written < 20_000 || st.Error != "" || time.Since(st.Synchronized) > time.Minute {
		t.Errorf("the status is %+v", st)
	}
	for _, l := range w.Keeper.Loaded(id) {
		if !l.Whole || l.Revision != st.Revision || l.Key == "beta" && (l.Generation != 2 || l.Members != 100) {
			t.Errorf("loaded: %+v", l)
		}
	}

	w.Marked(target, deleted)
	w.Restart()
	w.Push("trial", segment.Include, 1)
	w.Caught(id)
	w.Equal(target, keys...)
	if n := w.Status(id).Written; n > 1000 {
		t.Errorf("after a restart %d changes are written, though nearly nothing happened", n)
	}
}

func TestAStoreThatLosesItsDataIsFilledAgain(t *testing.T) {
	r := sinktest.StartRedis(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 9000)...)
	s := settings(t, r.Address, "app")
	id := w.PutSink(s, nil)
	w.Caught(id)
	for range 2 {
		r.CLI("flushall")
		w.Becomes(open(t, s, nil), keys...)
		w.Caught(id)
		r.Kill()
		w.Until("the sink fails", func() bool { return w.Status(id).State == sink.Failed })
		if st := w.Status(id); st.Error == "" || st.Complete && st.Lag == 0 {
			t.Errorf("the status of a store that is down is %+v", st)
		}
		w.Push("vip", segment.Include, 40_000)
		r.Start()
		w.Becomes(open(t, s, nil), keys...)
		w.Caught(id)
	}
}

func TestAStoreThatIsFilledIsToldOfEverybodyOnce(t *testing.T) {
	r := sinktest.StartRedis(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 3000)...)
	w.Push("beta", segment.Include|segment.Exclude, sinktest.Range(1000, 5000)...)
	w.Push("vip", segment.Uninclude, sinktest.Range(0, 100)...)
	s := settings(t, r.Address, "app")
	id := w.PutSink(s, nil)
	target := open(t, s, nil)
	before := uint64(0)
	for round := range 2 {
		if round > 0 {
			r.CLI("flushall")
		}
		w.Becomes(target, keys...)
		w.Caught(id)
		w.Equal(target, keys...)
		after := w.Status(id).Written
		if n := after - before; n > 2900+4000+2*100 { // who left may be told twice
			t.Errorf("%d changes are written where there are 6900 members and 100 left", n)
		}
		before = after
	}
}

func TestReadersTrustAStoreThatIsWrittenAnew(t *testing.T) {
	const slow = 10 // minutes for everybody
	r := sinktest.StartRedis(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 2000)...)
	s := settings(t, r.Address, "app")
	s.Rate = slow
	id := w.PutSink(s, nil)
	pace := func(rate int) { w.ChangeSink(id, func(s *catalog.Sink) { s.Rate = rate }) }
	target := open(t, s, nil)
	if seen, err := target.Look(t.Context()); err != nil || !seen.Synchronized.IsZero() {
		t.Errorf("a store that isn't full is said to be of %v, %v", seen.Synchronized, err)
	}
	pace(0)
	w.Caught(id)
	r.CLI("sadd", "app:big_segment_include:"+segment.HashOf("a stranger").String(), "vip.g1", "old.g3", "no ref")
	before := w.Status(id).Written
	pace(slow)
	w.Resync()
	w.Until("a walk is under way", func() bool { return w.Status(id).State == sink.Filling })
	w.Push("beta", segment.Include, 1)
	hash := segment.HashOf("member 1")
	w.Until("a change is visible beside the walk", func() bool {
		held, err := target.Lookup(t.Context(), []segment.Hash{hash})
		return err == nil && len(held[0].Included) == 2
	})
	if st := w.Status(id); st.State != sink.Filling || !st.Complete || st.Walk == 0 {
		t.Errorf("beside the walk the status is %+v", st)
	}
	if seen, err := target.Look(t.Context()); err != nil || time.Since(seen.Synchronized) > time.Minute {
		t.Errorf("beside the walk readers see a time of %v, %v", seen.Synchronized, err)
	}
	pace(0)
	w.Caught(id)
	w.Becomes(target, keys...)
	if n := w.Status(id).Written - before; n < 2000 {
		t.Errorf("%d changes were written anew", n)
	}
}

func TestAStoreThatIsFilledIsToldWhatTheLogKnowsOfMembersThatCantBeRead(t *testing.T) {
	r := sinktest.StartRedis(t)
	s := settings(t, r.Address, "app")
	sinktest.FillOverDamage(t, newWorld(t), s, nil, open(t, s, nil))
}

func TestAStoreThatWasAwayTakesPartInAResyncWhenItComesBack(t *testing.T) {
	r := sinktest.StartRedis(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 500)...)
	s := settings(t, r.Address, "app")
	id := w.PutSink(s, nil)
	target := open(t, s, nil)
	w.Caught(id)
	lose := func() { // what nobody notices: the marker stays
		r.CLI("del", "app:big_segment_include:"+segment.HashOf("member 7").String())
		r.CLI("sadd", "app:big_segment_include:"+segment.HashOf("a stranger").String(), "vip.g1")
	}
	for _, away := range []struct {
		state sink.State
		set   func(s *catalog.Sink, away bool)
	}{
		{sink.Paused, func(s *catalog.Sink, away bool) { s.Paused = away }},
		{sink.Off, func(s *catalog.Sink, away bool) { s.On = !away }},
	} {
		w.ChangeSink(id, func(s *catalog.Sink) { away.set(s, true) })
		w.Until("the sink is "+string(away.state), func() bool { return w.Status(id).State == away.state })
		lose()
		w.Resync()
		w.Restart()
		w.ChangeSink(id, func(s *catalog.Sink) { away.set(s, false) })
		w.Becomes(target, keys...)
		w.Caught(id)
	}
	written := w.Status(id).Written
	w.Restart()
	w.Push("vip", segment.Include, 900)
	w.Caught(id)
	if n := w.Status(id).Written; n > written/2 {
		t.Errorf("after a restart %d changes are written, though the resync was done", n)
	}
}

func TestAStoreThatSomebodyElseKeepsIsLeftAlone(t *testing.T) {
	r := sinktest.StartRedis(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 100)...)
	r.CLI("set", "app:big_segments_cursor", "a cursor of a relay")
	r.CLI("sadd", "app:big_segment_include:"+segment.HashOf("member 1").String(), "other.g1")
	s := settings(t, r.Address, "app")
	id := w.PutSink(s, nil)
	target := open(t, s, nil)
	w.Until("the sink says why", func() bool { return w.Status(id).State == sink.Failed })
	if st := w.Status(id); st.Error != "the keys under this prefix are kept by somebody else, such as a Relay Proxy; muster leaves this store alone: give the integration another config/prefix, or have it rebuilt with takeOver if nobody else is to write there" {
		t.Errorf("the error is %q", st.Error)
	}
	if n := r.CLI("dbsize"); n != "2" {
		t.Errorf("the store has %s keys", n)
	}
	if err := w.Keeper.Rebuild(id, false); err != nil {
		t.Fatal(err)
	}
	w.Until("that is tried", func() bool { return w.Status(id).Errors[0].Count > 1 })
	if n := r.CLI("dbsize"); n != "2" {
		t.Errorf("the store has %s keys after a rebuild that takes nothing over", n)
	}
	if err := w.Keeper.Rebuild(id, true); err != nil {
		t.Fatal(err)
	}
	w.Caught(id)
	w.Becomes(target, keys...)

	// A relay comes later.
	r.CLI("set", "app:big_segments_cursor", "a cursor of a relay")
	w.Until("the sink notices", func() bool { return w.Status(id).State == sink.Failed })
	if got := r.CLI("get", "app:big_segments_cursor"); got != "a cursor of a relay" {
		t.Errorf("the cursor of the relay is %q", got)
	}
}

func TestAComparisonFindsWhatIsWrong(t *testing.T) {
	r := sinktest.StartRedis(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 6000)...)
	w.Push("beta", segment.Exclude, sinktest.Range(0, 10)...)
	s := settings(t, r.Address, "app")
	id := w.PutSink(s, nil)
	target := open(t, s, nil)
	w.Caught(id)
	verify := func(full, repair bool) sink.Verification {
		t.Helper()
		began := time.Now()
		if err := w.Keeper.Verify(id, full, repair); err != nil {
			t.Fatal(err)
		}
		w.Until("the comparison ends", func() bool {
			v := w.Status(id).Verification
			return v != nil && !v.Ended.IsZero() && v.Ended.After(began) && v.Full == full && v.Repair == repair
		})
		v := *w.Status(id).Verification
		if v.Error != "" {
			t.Errorf("the comparison ended with %q", v.Error)
		}
		return v
	}
	if v := verify(true, false); v.Missing+v.Extra+v.Foreign != 0 || v.Checked < 12_000 {
		t.Errorf("of a store that is right: %+v", v)
	}
	r.CLI("del", "app:big_segment_include:"+segment.HashOf("member 1").String())
	r.CLI("sadd", "app:big_segment_include:"+segment.HashOf("nobody").String(), "vip.g1", "gone.g4", "what")
	r.CLI("srem", "app:big_segment_exclude:"+segment.HashOf("member 2").String(), "beta.g1")
	for range 2 {
		v := verify(true, false)
		if v.Missing != 2 || v.Extra != 2 || v.Foreign != 1 || len(v.Samples) != 4 {
			t.Errorf("of a store with four mistakes: %+v", v)
		}
		if !slices.Contains(v.Samples, sink.Difference{Ref: segment.Ref{Key: "gone", Generation: 4}, Hash: segment.HashOf("nobody")}) {
			t.Errorf("samples are %+v", v.Samples)
		}
	}
	v := verify(false, false)
	if !slices.Contains(v.Samples, sink.Difference{Ref: segment.Ref{Key: "beta", Generation: 1}, Hash: segment.HashOf("member 2"), Missing: true, Excluded: true}) {
		t.Errorf("a sample misses one of a segment that is smaller: %+v", v)
	}
	if v.Checked == 0 || v.Checked > 20_000 {
		t.Errorf("of a sample: %+v", v)
	}
	if v := verify(true, true); v.Missing != 2 || v.Extra != 2 {
		t.Errorf("what was put right: %+v", v)
	}
	if v := verify(true, false); v.Missing+v.Extra != 0 {
		t.Errorf("after it was put right: %+v", v)
	}
	w.Equal(target, keys...)
}

func TestSettingsTakeEffectAtOnce(t *testing.T) {
	r, other := sinktest.StartRedis(t), sinktest.StartRedis(t)
	w := newWorld(t)
	w.Push("vip", segment.Include, sinktest.Range(0, 100)...)
	s := settings(t, r.Address, "app")
	s.On = false
	id := w.PutSink(s, nil)
	target := open(t, s, nil)
	if st := w.Status(id); st.State != sink.Off {
		t.Errorf("a sink that is off is %q", st.State)
	}
	if err := w.Keeper.Verify(id, true, false); err == nil {
		t.Error("a sink that is off can be verified")
	}
	w.ChangeSink(id, func(s *catalog.Sink) { s.On = true })
	w.Caught(id)
	w.Equal(target, keys...)

	w.ChangeSink(id, func(s *catalog.Sink) { s.Paused = true })
	w.Until("it is paused", func() bool { return w.Status(id).State == sink.Paused })
	w.Push("vip", segment.Include, 1000)
	if st := w.Status(id); st.LagRevisions != 1 {
		t.Errorf("a paused sink is %d revisions behind", st.LagRevisions)
	}
	w.ChangeSink(id, func(s *catalog.Sink) { s.Paused = false })
	w.Caught(id)
	w.Equal(target, keys...)

	elsewhere := settings(t, other.Address, "there")
	w.ChangeSink(id, func(s *catalog.Sink) { s.Redis = elsewhere.Redis })
	w.Becomes(open(t, elsewhere, nil), keys...)
	w.Caught(id)
	w.PutSink(settings(t, r.Address, "second"), nil)
	w.Becomes(open(t, settings(t, r.Address, "second"), nil), keys...)

	w.Update(store.Account, func(tx store.Tx) error { tx.DeleteSink(id); return nil })
	if _, ok := w.Keeper.Status(id); ok || len(w.Keeper.Statuses()) != 1 {
		t.Error("a deleted sink has a status")
	}
}

func TestDaemonModeHasTheDefinitions(t *testing.T) {
	r := sinktest.StartRedis(t)
	w := newWorld(t)
	s := settings(t, r.Address, "app")
	s.DaemonMode = true
	id := w.PutSink(s, nil)
	w.Caught(id)
	w.Until("definitions are there", func() bool { return r.CLI("exists", "app:$inited") == "1" })
	if n := r.CLI("hlen", "app:segments"); n != "3" {
		t.Errorf("%s segments are defined", n)
	}
	w.PutSegment("late", 1)
	w.DeleteSegment("beta")
	w.Caught(id)
	if got := r.CLI("hkeys", "app:segments"); !slices.Equal(fields(got), []string{"late", "trial", "vip"}) {
		t.Errorf("defined are %s", got)
	}
	r.CLI("flushall")
	w.Until("definitions are there again", func() bool { return r.CLI("exists", "app:$inited") == "1" })
	if n := r.CLI("hlen", "app:segments"); n != "3" {
		t.Errorf("%s segments are defined", n)
	}
}

func fields(text string) []string {
	all := strings.Fields(text)
	slices.Sort(all)
	return all
}
