package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

// session is a membership, or a list of changes, that is collected beside the live one. It is
// immutable but for its journal.
type session struct {
	env segment.EnvID
	sessionRow
	pages   map[int]bool
	journal *journal
}

// sessionRow is a session as it is kept. Pages and journal are rows of their own.
type sessionRow struct {
	ID    segment.RunID
	Ref   segment.Ref // the membership it belongs to
	Start segment.Revision
	Order uint64 // greater than that of every session of the segment that was open when it began
	// Superseded says that a list of all members that is newer was published.
	Superseded bool
	Opened     time.Time
	Detail     []byte
	Kept       *keptList
}

// keptList is the sealed list of a session.
type keptList struct {
	File  store.FileID
	Mode  store.LoadMode
	Began segment.Revision // of the membership that it was compared with
}

type sessionID struct {
	env segment.EnvID
	key segment.Key
	id  segment.RunID
}

func (s *session) name() sessionID { return sessionID{s.env, s.Ref.Key, s.ID} }

// sessions are the open sessions of all environments.
type sessions struct {
	mu sync.RWMutex
	of map[segmentID][]*session // oldest first
	n  atomic.Int64
}

func (ss *sessions) put(s *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	id := segmentID{s.env, s.Ref.Key}
	all := slices.Clone(ss.of[id])
	if i := slices.IndexFunc(all, func(o *session) bool { return o.ID == s.ID }); i >= 0 {
		all[i] = s
	} else {
		all = append(all, s)
		ss.n.Add(1)
	}
	if ss.of == nil {
		ss.of = make(map[segmentID][]*session)
	}
	ss.of[id] = all
}

func (ss *sessions) remove(name sessionID) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	id := segmentID{name.env, name.key}
	before := len(ss.of[id])
	ss.of[id] = slices.DeleteFunc(slices.Clone(ss.of[id]), func(o *session) bool { return o.ID == name.id })
	ss.n.Add(int64(len(ss.of[id]) - before))
	if len(ss.of[id]) == 0 {
		delete(ss.of, id)
	}
}

// list returns the sessions of a segment, oldest first. The list must not be changed.
func (ss *sessions) list(id segmentID) []*session {
	if ss.n.Load() == 0 {
		return nil
	}
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	return ss.of[id]
}

func (ss *sessions) get(name sessionID) *session {
	for _, s := range ss.list(segmentID{name.env, name.key}) {
		if s.ID == name.id {
			return s
		}
	}
	return nil
}

// within returns the sessions of an environment.
func (ss *sessions) within(env segment.EnvID) []*session {
	ss.mu.RLock()
	defer ss.mu.RUnlock()
	var all []*session
	for id, of := range ss.of {
		if id.env == env {
			all = append(all, of...)
		}
	}
	return all
}

func sessionKey(n sessionID) []byte { return key(string(n.env), string(n.key), string(n.id)) }

// sessionPartKey is the key of a numbered part of a session: a page, or a record of its journal.
func sessionPartKey(n sessionID, part uint64) []byte {
	return binary.BigEndian.AppendUint64(under(string(n.env), string(n.key), string(n.id)), part)
}

func parseSessionPartKey(k []byte) (sessionID, uint64, error) {
	parts, err := split(k, 4)
	if err != nil {
		return sessionID{}, 0, err
	}
	if len(parts[3]) != 8 {
		return sessionID{}, 0, fmt.Errorf("row key %q: %w", k, store.ErrCorrupt)
	}
	return sessionID{segment.EnvID(parts[0]), segment.Key(parts[1]), segment.RunID(parts[2])}, binary.BigEndian.Uint64([]byte(parts[3])), nil
}

func (s *session) row() (store.Row, error) {
	b, err := json.Marshal(&s.sessionRow)
	if err != nil {
		return store.Row{}, fmt.Errorf("write session %s: %w", s.ID, err)
	}
	return store.Row{Table: tableSession, Key: sessionKey(s.name()), Value: b}, nil
}

// public returns a session as callers see it.
func (s *session) public() store.Session {
	return store.Session{
		Env: s.env, Segment: s.Ref.Key, ID: s.ID, Start: s.Start, Opened: s.Opened, Detail: s.Detail,
		Pages: slices.Sorted(maps.Keys(s.pages)), Kept: s.Kept != nil,
	}
}

// Sessions returns the open sessions of an environment, oldest first.
func (e *Engine) Sessions(env segment.EnvID) ([]store.Session, error) {
	if e.environment(env) == nil {
		return nil, fmt.Errorf("list sessions of environment %s: %w", env, store.ErrNoEnvironment)
	}
	all := e.sessions.within(env)
	slices.SortFunc(all, func(a, b *session) int { return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID)) })
	out := make([]store.Session, len(all))
	for i, s := range all {
		out[i] = s.public()
	}
	return out, nil
}

// OpenSession begins a session.
func (t *tx) OpenSession(p store.Session) {
	seg, ok := t.Segment(p.Env, p.Segment)
	if !t.check(p.Env, "session") {
		return
	}
	if !ok || !seg.Unbounded {
		t.fail(fmt.Errorf("open session of segment %s of environment %s: %w", p.Segment, p.Env, store.ErrUnbounded))
		return
	}
	if err := t.room(); err != nil {
		t.fail(err)
		return
	}
	s := &session{
		env:        p.Env,
		sessionRow: sessionRow{ID: p.ID, Ref: seg.Home(), Opened: p.Opened, Detail: p.Detail},
		journal:    &journal{},
	}
	if s.Opened.IsZero() {
		s.Opened = t.step.at
	}
	if t.session(s.name()) != nil {
		t.fail(fmt.Errorf("session %s of segment %s is open already", p.ID, p.Segment))
		return
	}
	for _, other := range t.sessionsOf(segmentID{p.Env, p.Segment}) {
		s.Order = max(s.Order, other.Order+1)
	}
	t.opened = append(t.opened, s)
	stage(&t.over.sessions, s.name(), s)
}

// supersede marks the sessions of a membership that began before a session, or all of them.
func (t *tx) supersede(m *membership, newest *session) {
	for _, s := range t.sessionsOf(segmentID{m.env, m.ref.Key}) {
		if s.Superseded || newest != nil && s.Order >= newest.Order {
			continue
		}
		next := *s
		next.Superseded = true
		stage(&t.over.sessions, s.name(), &next)
	}
}

// session returns a session as this write sees it, nil if there is none.
func (t *tx) session(name sessionID) *session {
	if s, ok := lookUp(&t.reading, inSessions, name); ok {
		return s
	}
	return t.step.e.sessions.get(name)
}

func inSessions(o *overlay) map[sessionID]*session { return o.sessions }

// sessionsOf returns the sessions of a segment as this write sees them.
func (t *tx) sessionsOf(id segmentID) []*session {
	var out []*session
	for _, s := range t.step.e.sessions.list(id) {
		if now := t.session(s.name()); now != nil {
			out = append(out, now)
		}
	}
	for name, s := range stagedAll(&t.reading, inSessions) {
		if s != nil && name.env == id.env && name.key == id.key && t.step.e.sessions.get(name) == nil {
			out = append(out, s)
		}
	}
	return out
}

// Session returns a session.
func (t *tx) Session(env segment.EnvID, k segment.Key, id segment.RunID) (store.Session, bool) {
	s := t.session(sessionID{env, k, id})
	if s == nil {
		return store.Session{}, false
	}
	return s.public(), true
}

// UpdateSession replaces a session's detail.
func (t *tx) UpdateSession(env segment.EnvID, k segment.Key, id segment.RunID, detail []byte) {
	if s := t.openOne(sessionID{env, k, id}); s != nil {
		next := *s
		next.Detail = detail
		stage(&t.over.sessions, s.name(), &next)
	}
}

// openOne returns a session, or fails the write.
func (t *tx) openOne(name sessionID) *session {
	if !t.check(name.env, "session") {
		return nil
	}
	s := t.session(name)
	if s == nil {
		t.fail(fmt.Errorf("session %s of segment %s: %w", name.id, name.key, store.ErrNoSession))
	}
	return s
}

// CloseSession ends a session.
func (t *tx) CloseSession(env segment.EnvID, k segment.Key, id segment.RunID) {
	name := sessionID{env, k, id}
	if !t.check(env, "session") || t.session(name) == nil {
		return
	}
	if t.step.touched[segmentID{env, k}] {
		_ = t.postpone() // more may be kept in this step than its rows say
		return
	}
	t.concern(segmentID{env, k})
	t.last = true
	stage(&t.over.sessions, name, nil)
}

// Keep makes staged changes part of a session.
func (t *tx) Keep(env segment.EnvID, k segment.Key, id segment.RunID, page int, list store.Staged) error {
	s := t.session(sessionID{env, k, id})
	st, ok := list.(*staged)
	switch {
	case !t.check(env, "session"):
		return t.err
	case s == nil:
		return fmt.Errorf("session %s of segment %s: %w", id, k, store.ErrNoSession)
	case !ok || st.e != t.step.e:
		return errors.New("changes were staged by another store")
	case page < -1 || page < 0 && st.file == nil:
		return fmt.Errorf("session %s of segment %s can't keep this list as page %d", id, k, page)
	}
	if err := t.room(); err != nil {
		return err
	}
	if page < 0 && st.mode == store.LoadReplace {
		if err := t.publishable(s, st); err != nil {
			return err
		}
	}
	next := *s
	if page < 0 {
		if s.Kept != nil {
			t.unnamed = append(t.unnamed, s.Kept.File)
		}
		next.Kept = &keptList{File: st.file.id, Mode: st.mode}
		if st.base != nil {
			next.Kept.Began = st.base.of.row.began
		}
		t.named = append(t.named, st.file.id)
	} else {
		value, files := st.part()
		if s.pages[page] {
			old, err := t.keptPage(s, page)
			if err != nil {
				return err
			}
			t.unnamed = append(t.unnamed, old...)
		}
		next.pages = maps.Clone(s.pages)
		stage(&next.pages, page, true)
		t.named = append(t.named, files...)
		t.rows = append(t.rows, store.Row{Table: tablePage, Key: sessionPartKey(s.name(), uint64(page)), Value: value})
	}
	if st.file != nil {
		t.files = append(t.files, st)
	}
	t.concern(segmentID{env, k})
	stage(&t.over.sessions, s.name(), &next)
	return nil
}

// publishable refuses to keep a list of all members that could not be published at this moment.
func (t *tx) publishable(s *session, st *staged) error {
	m := t.membership(refID{s.env, s.Ref})
	if m == nil {
		return fmt.Errorf("session %s of segment %s: %w", s.ID, s.Ref.Key, store.ErrNoSession)
	}
	if _, err := t.collected(m, s.name()); err != nil {
		return err
	}
	if st.base == nil || st.base.of != m {
		return fmt.Errorf("keep a list of segment %s: %w", s.Ref.Key, store.ErrStale)
	}
	return nil
}

// loadSessions reads the sessions with their pages and journals. One of which something can't be read
// can only be closed: what it keeps must be whole.
func (e *Engine) loadSessions(ctx context.Context) error {
	open := make(map[sessionID]*session)
	for row, err := range e.log.Rows(ctx, tableSession, nil, false) {
		var s *session
		if err == nil {
			s, err = decodeSession(row)
		}
		if err != nil {
			if err := e.omit("session", err); err != nil {
				return err
			}
			continue
		}
		if s.Kept != nil {
			e.retain(s.Kept.File)
		}
		open[s.name()] = s
		e.sessions.put(s)
	}
	for _, table := range []store.Table{tablePage, tableJournal} {
		for row, err := range e.log.Rows(ctx, table, nil, false) {
			if err != nil { // whose the others are is not known
				if err := e.omit("pages and journals of sessions", err); err != nil {
					return err
				}
				for _, s := range open {
					s.journal.broken = err
				}
				break
			}
			name, n, err := parseSessionPartKey(row.Key)
			s := open[name]
			if err == nil && s == nil {
				continue
			}
			if err == nil {
				err = e.loadPart(ctx, s, row, n)
			}
			if err == nil {
				continue
			}
			if err := e.omit("session "+string(name.id), err); err != nil {
				return err
			}
			if s != nil {
				s.journal.broken = err
			}
		}
	}
	return nil
}

func decodeSession(row store.Row) (*session, error) {
	parts, err := split(row.Key, 3)
	if err != nil {
		return nil, err
	}
	s := &session{env: segment.EnvID(parts[0]), journal: &journal{}, pages: map[int]bool{}}
	return s, decodeJSON(row, &s.sessionRow)
}

// loadPart reads a page or a record of the journal of a session.
func (e *Engine) loadPart(ctx context.Context, s *session, row store.Row, n uint64) error {
	id, filed := partFileID(row.Value)
	if filed {
		e.retain(id)
	}
	if row.Table == tablePage {
		s.pages[int(n)] = true
		return nil
	}
	if filed {
		f, err := e.openFile(ctx, id)
		if err != nil {
			return fmt.Errorf("record %d of the journal: %w: %w", n, store.ErrCorrupt, err)
		}
		s.journal.lay(n, layer{file: f})
		return nil
	}
	if len(row.Value) == 0 {
		return fmt.Errorf("record %d of the journal is empty: %w", n, store.ErrCorrupt)
	}
	d, err := decodeChanges(row.Value[1:])
	if err != nil {
		return fmt.Errorf("record %d of the journal: %w", n, err)
	}
	e.pendingChanges.Add(s.journal.apply(n, d))
	return nil
}

// whole returns an error if something that the session keeps can't be read.
func (s *session) whole() error {
	if err := s.journal.broken; err != nil {
		return fmt.Errorf("session %s of segment %s can't be read; discard what it keeps and send it again: %w", s.ID, s.Ref.Key, err)
	}
	return nil
}
