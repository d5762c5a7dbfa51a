package relayfeed

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"muster/internal/segment"
)

// Peer is who asks. A relay says nothing of itself when it asks for members but its address.
type Peer struct {
	Address string
	// Expired is since when the SDK key that it used should not be used any more; zero if it may.
	Expired time.Time
}

// State says how well a relay keeps up.
type State string

// The states of a relay.
const (
	Current State = "current"
	Behind  State = "behind"  // something has waited for a second or more, or it polls
	Walking State = "walking" // it is told everything
	Failed  State = "failed"
)

// Follower is a relay that reads a stream, or one that polls.
type Follower struct {
	Peer
	ID    uint64 // in this process, 0 for several
	Count int    // of streams
	Since time.Time
	State State
	// Revision is what it has: it asked for what comes after that. Of a stream, which says nothing of what becomes of it, it is what
	// was written, but nothing from the begin of a segment's move on until a poll has said that the relay has that.
	Revision segment.Revision
	// Complete says that it has everything up to Revision; not so in the middle of a walk.
	Complete bool
	Cursor   string
	// Lag is how many revisions that is behind the newest one, and for how long.
	LagRevisions uint64
	Lag          time.Duration
	Error        string
}

// poller is a relay that polls.
type poller struct {
	peer    Peer
	id      uint64
	since   time.Time // when it was not current for the first time
	polled  time.Time
	refused time.Time // when it asked the same too often last
	current bool
	held    version // what it asked with, zero where nothing is known of that; a page that it was told it may not have taken yet
	at      version
	cursor  string
}

const (
	// pollerAge is how long somebody is remembered who does not poll any more. ld-relay 8 polls again
	// ten seconds after an error.
	pollerAge  = time.Minute
	maxPollers = 1000
	// maxFollowers is how many streams are told apart.
	maxFollowers = 100
)

func (l *line) attend(s *Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams[s.id] = s
}

func (l *line) leave(s *Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.streams, s.id)
}

// open returns how many streams are open.
func (l *line) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.streams)
}

// poller returns who polls from an address, which is remembered. The caller holds l.mu.
func (l *line) poller(p Peer, now time.Time) *poller {
	maps.DeleteFunc(l.polls, func(_ string, po *poller) bool { return now.Sub(po.polled) > pollerAge })
	po := l.polls[p.Address]
	if po == nil {
		po = &poller{id: l.f.lastID.Add(1), since: now}
		if len(l.polls) < maxPollers {
			l.polls[p.Address] = po
		}
	}
	po.peer, po.polled = p, now
	return po
}

// polled notes what a relay asked with and was told.
func (l *line) polled(p Peer, after string, pg *Page) {
	now := l.f.o.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	po := l.poller(p, now)
	if po.current && pg.Patches > 0 {
		po.since = now
	}
	po.current, po.held, po.at, po.cursor = pg.Patches == 0, pg.at, pg.at, pg.Next
	if po.current {
		for _, s := range l.streams {
			if s.peer.Load().Address == p.Address {
				s.taken = max(s.taken, pg.at.cursor.Revision)
			}
		}
	} else {
		held, ok := parseVersion(after)
		if !ok || held.cursor.Epoch != pg.at.cursor.Epoch || held.resync != pg.at.resync {
			held = version{}
		}
		po.held = held
	}
}

// refused notes that a relay asks the same too often.
func (f *Feed) refused(p Peer, env segment.EnvID) {
	l := f.line(env)
	if l == nil {
		return
	}
	now := f.o.Now()
	l.mu.Lock()
	po := l.poller(p, now)
	first := now.Sub(po.refused) > pollerAge
	po.refused = now
	l.mu.Unlock()
	if first {
		f.o.Log.Warn("a relay asks for the same members again and again; its database does not take them", "environment", env, "address", p.Address)
	}
}

// Followers returns the relays of an environment, those that came first at the beginning.
func (f *Feed) Followers(env segment.EnvID) []Follower {
	l := f.line(env)
	if l == nil {
		return nil
	}
	now, st := f.o.Now(), l.state.Load()
	l.mu.Lock()
	var all []Follower
	streaming := map[string]bool{}
	for _, s := range l.streams {
		all = append(all, l.streamer(s, st, now))
		streaming[s.peer.Load().Address] = true
	}
	if len(all) > maxFollowers {
		all = summed(all)
	}
	for _, po := range l.polls {
		looping := now.Sub(po.refused) <= pollerAge
		if now.Sub(po.polled) <= pollerAge && (looping || !po.current || !streaming[po.peer.Address]) {
			all = append(all, l.pollerOf(po, st, now, looping))
		}
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b Follower) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return all
}

// streamer returns how far a stream is. The caller holds l.mu.
func (l *line) streamer(s *Stream, st *state, now time.Time) Follower {
	at := s.at.Load()
	fo := Follower{Peer: *s.peer.Load(), ID: s.id, Count: 1, Since: s.since, State: Current, Revision: st.revision, Complete: true, Cursor: at.version.String()}
	if at.version != st.canonical {
		m := l.after(at.revision)
		fo.Revision = min(max(at.revision, m.before), st.revision)
		fo.LagRevisions = uint64(st.revision - fo.Revision)
		if m.revision > 0 {
			fo.Lag = max(0, now.Sub(m.at))
		}
	}
	if fo.Lag >= time.Second {
		fo.State = Behind
	}
	if s.taken < st.filled {
		fo.Revision = min(fo.Revision, st.filled-1)
		fo.LagRevisions = uint64(st.revision - fo.Revision)
	}
	if at.version.cursor.Walking {
		fo.State, fo.Complete = Walking, false
	}
	return fo.warned(st)
}

// pollerOf returns how far a relay is that polls. The caller holds l.mu.
func (l *line) pollerOf(po *poller, st *state, now time.Time, looping bool) Follower {
	fo := Follower{Peer: po.peer, ID: po.id, Count: 1, Since: po.since, State: Current, Revision: st.revision, Complete: true, Cursor: po.cursor}
	if !po.current || po.at != st.canonical {
		fo.State, fo.Revision, fo.Lag = Behind, po.held.cursor.Revision, max(0, now.Sub(po.since))
		if m := l.after(fo.Revision); po.current && m.revision > 0 {
			fo.Revision, fo.Lag = max(fo.Revision, m.before), max(0, now.Sub(m.at))
		}
		fo.Revision = min(fo.Revision, st.revision)
		fo.LagRevisions = uint64(st.revision - fo.Revision)
	}
	if po.at.cursor.Walking || po.held.cursor.Walking || po.held == (version{}) && !po.current {
		fo.State, fo.Complete = Walking, false
	}
	if looping {
		fo.State, fo.Error = Failed, "it asks for the same page again and again: its database does not take what it is told"
	}
	return fo.warned(st)
}

// warned says what people should know of a relay.
func (fo Follower) warned(st *state) Follower {
	if fo.Error == "" && st.refuses() != nil {
		fo.State, fo.Error = Failed, "members of this environment can't be read whole at the moment, so no relay may count as current"
	}
	if fo.Error == "" && !fo.Expired.IsZero() {
		fo.Error = "it uses an SDK key that expired at " + fo.Expired.UTC().Format(time.RFC3339) + "; restart it before the key is refused"
	}
	return fo
}

// summed returns one follower for all streams: the one that is furthest behind stands for the others. It is
// complete if all of them are.
func summed(all []Follower) []Follower {
	worst := slices.MaxFunc(all, func(a, b Follower) int {
		return cmp.Or(cmp.Compare(a.Lag, b.Lag), cmp.Compare(a.LagRevisions, b.LagRevisions), b.Since.Compare(a.Since))
	})
	worst.ID, worst.Address, worst.Count = 0, "", len(all)
	worst.Complete = !slices.ContainsFunc(all, func(fo Follower) bool { return !fo.Complete })
	return []Follower{worst}
}
