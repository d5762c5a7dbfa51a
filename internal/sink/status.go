package sink

import (
	"errors"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/store"
)

// State says in a word how a sink is doing.
type State string

// The states of a sink.
const (
	Off     State = "off"     // it is not on
	Paused  State = "paused"  // somebody paused it
	Current State = "current" // the store has everything
	Behind  State = "behind"  // it is told what it does not have yet
	Filling State = "walking" // it is told everything; some of it may be missing until then
	Failed  State = "failed"  // it can't be written to at this moment
)

// Status is how a sink is doing.
type Status struct {
	ID   catalog.ID
	Env  segment.EnvID
	Kind catalog.SinkKind
	Name string
	// Address says for people where the store is.
	Address string
	State   State
	Since   time.Time // when the state began
	// Complete says that the store has everything up to Revision.
	Complete bool
	Revision segment.Revision
	// LagRevisions and Lag are how far that is behind the log; 0 of a sink that is off.
	LagRevisions uint64
	Lag          time.Duration
	// Lags are the largest of each of the last minutes, 60 at most, oldest first; the last is of the present minute.
	Lags []time.Duration
	// Synchronized is what SDKs read from the store; zero if there is nothing that they can read.
	Synchronized time.Time
	// Written counts changes of members that the store acknowledged since the start of the process, Rate is how
	// many there were a second lately.
	Written uint64
	Rate    float64
	// Walked and Walk are how many of how many members a walk has come past; 0 without one.
	Walked, Walk int64
	// Error is why it failed, a sentence; "" if it didn't. Errors are the newest, newest first.
	Error  string
	Errors []Mishap
	// Damage says what muster itself can't read, so that the store can't be told; "" is nothing.
	Damage       string
	Verification *Verification // the newest; nil without one
}

// Mishap is an error as people read it.
type Mishap struct {
	At      time.Time
	Message string
	Count   int // of times in a row
}

// maxMishaps is how many errors are remembered of a sink.
const maxMishaps = 10

// Loaded is how far the members of a segment have come.
type Loaded struct {
	Key        segment.Key
	Generation segment.Generation
	// Whole says that the store has all of them, as of Revision; 0 if it doesn't.
	Whole    bool
	Revision segment.Revision
	Members  int64
}

// state is what a loop tells of itself. It is guarded by the runner's mutex.
type state struct {
	state        State
	since        time.Time
	m            marker
	through      time.Time
	synchronized time.Time
	damage       string
	errors       []Mishap // oldest first
	failing      bool
	verification *Verification
	lags         history

	written   uint64
	rateAt    time.Time
	rateFrom  uint64
	rate      float64
	walkFrom  uint64 // written when the walk began
	walkTotal int64
}

// rateOver is over how long a rate is measured.
const rateOver = 2 * time.Second

func (s *state) become(st State, now time.Time) {
	if s.state != st {
		s.state, s.since = st, now
	}
}

// count counts changes that were acknowledged.
func (s *state) count(n int, now time.Time) {
	s.measure(now)
	s.written += uint64(n)
}

// measure brings the rate up to date.
func (s *state) measure(now time.Time) {
	d := now.Sub(s.rateAt)
	switch {
	case s.rateAt.IsZero():
		s.rateAt, s.rateFrom = now, s.written
	case d >= rateOver:
		s.rate = float64(s.written-s.rateFrom) / d.Seconds()
		s.rateAt, s.rateFrom = now, s.written
	}
}

// mishap remembers an error.
func (s *state) mishap(message string, now time.Time) {
	if n := len(s.errors); n > 0 && s.errors[n-1].Message == message {
		s.errors[n-1].At = now
		s.errors[n-1].Count++
		return
	}
	if len(s.errors) == maxMishaps {
		s.errors = slices.Delete(s.errors, 0, 1)
	}
	s.errors = append(s.errors, Mishap{now, message, 1})
}

// words returns an error as people read it.
func words(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Message
	}
	if errors.Is(err, store.ErrCorrupt) {
		return "something in muster's own store can't be read: " + err.Error()
	}
	return err.Error()
}

// note changes what the loop tells of itself.
func (r *runner) note(change func(*state)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.state)
}

// failed notes that the store can't be written to.
func (l *loop) failed(err error) {
	if l.job != nil {
		l.job = nil // a comparison that was interrupted says nothing
		l.note(func(s *state) {
			if v := s.verification; v != nil && v.Ended.IsZero() {
				ended := *v
				ended.Ended, ended.Error = l.now(), words(err)
				s.verification = &ended
			}
		})
	}
	first := false
	l.note(func(s *state) {
		first = !s.failing
		s.failing = true
		s.become(Failed, l.now())
		s.mishap(words(err), l.now())
	})
	if first {
		l.log.Error("a sink is not kept current; muster keeps trying", "integration", l.id, "environment", l.env, "error", err)
	}
}

// progressed notes how far the store is.
func (l *loop) progressed(synchronized time.Time) {
	l.note(func(s *state) {
		s.m, s.through = l.m, l.through
		if !synchronized.IsZero() {
			s.synchronized = synchronized.Truncate(time.Millisecond)
		}
		switch {
		case s.failing: // a marker says nothing of members
		case l.m.walking():
			s.become(Filling, l.now())
		case s.state != Current:
			s.become(Behind, l.now())
		}
	})
}

// works notes that members were written.
func (l *loop) works() { l.note(func(s *state) { s.failing = false }) }

// idle notes that the store has everything.
func (l *loop) idle() {
	l.note(func(s *state) {
		s.m, s.through, s.failing = l.m, l.through, false
		s.become(Current, l.now())
	})
}

// walkBegan notes how much there is to walk through.
func (l *loop) walkBegan(from segment.Cursor) {
	view, err := l.store.View(l.env)
	if err != nil {
		return
	}
	total := int64(0)
	for _, s := range l.store.Segments(l.env) {
		for _, ref := range s.Refs() {
			if compareRefs(ref, from.Ref) >= 0 {
				counts, _ := view.Counts(ref)
				total += counts.Included + counts.Excluded
			}
		}
	}
	l.note(func(s *state) {
		s.walkFrom, s.walkTotal = s.written, total
		s.become(Filling, l.now())
	})
}

func (l *loop) walkEnded(damaged error) {
	l.dirty = nil
	l.note(func(s *state) {
		s.walkTotal = 0
		if damaged == nil {
			s.damage = ""
		}
		s.become(Behind, l.now())
	})
}

// status returns how the sink is doing.
func (r *runner) status(c *catalog.Sink) Status {
	now := time.Now()
	head, _ := r.store.Head(c.Env)
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.state
	s.measure(now)
	st := Status{
		ID: c.ID, Env: c.Env, Kind: c.Kind, Name: c.Name, Address: c.Address(), State: s.state, Since: s.since, Complete: s.m.complete, Revision: s.m.tail.Revision,
		Synchronized: s.synchronized, Written: s.written, Rate: s.rate, Damage: s.damage, Verification: s.verification,
		Lags: s.lags.minutes(),
	}
	for _, m := range slices.Backward(s.errors) {
		st.Errors = append(st.Errors, m)
	}
	switch {
	case !c.On:
		st.State = Off
		return st
	case c.Paused:
		st.State = Paused
	case s.state == "": // it has only begun
		st.State = Behind
	case s.failing && len(s.errors) > 0:
		st.Error = s.errors[len(s.errors)-1].Message
	}
	if s.walkTotal > 0 {
		st.Walk = s.walkTotal
		st.Walked = min(st.Walk, int64(s.written-s.walkFrom))
	}
	if head > st.Revision {
		st.LagRevisions = uint64(head - st.Revision)
	}
	if st.LagRevisions > 0 || !st.Complete || st.State == Failed {
		since := s.through
		if since.IsZero() || !st.Complete {
			since = s.synchronized
		}
		if since.IsZero() {
			since = s.since
		}
		if !since.IsZero() {
			st.Lag = max(0, now.Sub(since))
		}
	}
	if st.State == Current && st.LagRevisions > 0 && st.Lag >= time.Second {
		st.State = Behind
	}
	return st
}

// remember keeps how far the store lags.
func (r *runner) remember(c *catalog.Sink) {
	lag := r.status(c).Lag
	r.note(func(s *state) { s.lags.note(lag, time.Now()) })
}

// loaded returns how far the segments of the environment have come.
func (r *runner) loaded(env segment.EnvID) []Loaded {
	r.mu.Lock()
	m := r.state.m
	r.mu.Unlock()
	view, err := r.store.View(env)
	if err != nil {
		return nil
	}
	var all []Loaded
	for _, s := range r.store.Segments(env) {
		if !s.Unbounded {
			continue
		}
		ref := s.Ref()
		counts, _ := view.Counts(ref)
		one := Loaded{Key: ref.Key, Generation: ref.Generation, Members: counts.Included + counts.Excluded}
		if one.Whole = m.complete || m.walking() && compareRefs(ref, m.walk.Ref) < 0; one.Whole {
			one.Revision = m.tail.Revision
		}
		all = append(all, one)
	}
	return all
}
