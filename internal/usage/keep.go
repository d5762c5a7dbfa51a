package usage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// What is kept of an environment are documents: one for each hour that has counts, and one for the
// rest. A document is never changed: a later one with a greater number takes its place, so that after a
// crash the greatest number is the truth. docs/format/log.md describes them.
const (
	prefix      = "usage/"
	hourPrefix  = prefix + "hour/"
	otherPrefix = prefix + "other/"

	contextPrefix = prefix + "context/"
)

// hourJSON is a document of counts: by flag, by variation.
type hourJSON map[catalog.FlagKey]map[int32]uint64

// otherJSON is the document of the rest.
type otherJSON struct {
	Flags map[catalog.FlagKey]flagJSON `json:"flags"`
	SDKs  []sdkJSON                    `json:"sdks"`
}

type flagJSON struct {
	Last     int64          `json:"last"` // Unix milliseconds
	Fallback jsontext.Value `json:"default,omitempty"`
}

type sdkJSON struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	First   int64  `json:"first"` // Unix milliseconds
	Last    int64  `json:"last"`
}

// Keep writes down what was counted since the last time. An environment whose SDKs report costs two
// small documents, whatever else it keeps.
func (u *Usage) Keep(ctx context.Context) error {
	u.keeping.Lock()
	defer u.keeping.Unlock()
	var errs []error
	for id, e := range u.all() {
		if v, there := u.store.Environment(id); there {
			errs = append(errs, u.keep(ctx, v, e))
			continue
		}
		u.mu.Lock()
		delete(u.environments, id) // its documents went with it
		u.mu.Unlock()
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("keep what SDKs report: %w", err)
	}
	return nil
}

func (u *Usage) all() map[segment.EnvID]*environment {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.environments)
}

func (u *Usage) keep(ctx context.Context, v *catalog.Environment, e *environment) error {
	u.mu.Lock()
	e.forget(func(k catalog.FlagKey) bool {
		_, there := u.store.Flag(v.Project, k)
		return there
	}, u.now())
	hours, news := e.changed, e.news
	e.changed, e.news = make(map[hour]bool), false
	counts := e.hours(hours)
	var rest *otherJSON
	if news {
		rest = e.rest()
	}
	oldest := e.oldest()
	if !v.RecordContexts { // any more
		was := e.contexts.written
		e.contexts = newContexts()
		e.contexts.written = was
	}
	names := e.contexts
	var seen []seenContextJSON
	if names.news {
		seen, names.news = names.document(), false
	}
	u.mu.Unlock()

	err := u.write(ctx, v.ID, e, counts, rest)
	if err == nil {
		err = u.writeContexts(ctx, v.ID, names, seen, v.RecordContexts)
	}
	if err != nil {
		u.mu.Lock()
		for h := range hours {
			e.changed[h] = true
		}
		e.news = e.news || news
		names.news = names.news || seen != nil
		u.mu.Unlock()
		return err
	}
	for h, n := range e.written {
		if h < oldest || oldest == 0 {
			if err := u.drop(ctx, v.ID, hourDocument(h, n)); err != nil {
				return err
			}
			delete(e.written, h)
		}
	}
	return nil
}

// hours returns the counts of some hours.
func (e *environment) hours(which map[hour]bool) map[hour]hourJSON {
	all := make(map[hour]hourJSON, len(which))
	for h := range which {
		all[h] = hourJSON{}
	}
	for key, f := range e.flags {
		for _, c := range f.counts {
			if !which[c.hour] {
				continue
			}
			if all[c.hour][key] == nil {
				all[c.hour][key] = make(map[int32]uint64)
			}
			all[c.hour][key][c.variation] = c.n
		}
	}
	return all
}

func (e *environment) rest() *otherJSON {
	r := &otherJSON{Flags: make(map[catalog.FlagKey]flagJSON, len(e.flags)), SDKs: make([]sdkJSON, 0, len(e.sdks))}
	for key, f := range e.flags {
		r.Flags[key] = flagJSON{f.last.UnixMilli(), jsontext.Value(f.fallback)}
	}
	for k, s := range e.sdks {
		r.SDKs = append(r.SDKs, sdkJSON{k.Name, k.Version, s.first.UnixMilli(), s.last.UnixMilli()})
	}
	return r
}

// write makes documents of what changed. The caller holds keeping, which alone guards what is written.
func (u *Usage) write(ctx context.Context, env segment.EnvID, e *environment, counts map[hour]hourJSON, rest *otherJSON) error {
	for h, c := range counts {
		n, err := u.replace(ctx, env, c, e.written[h], func(n uint64) store.DocumentID { return hourDocument(h, n) })
		if err != nil {
			return err
		}
		e.written[h] = n
	}
	if rest == nil {
		return nil
	}
	n, err := u.replace(ctx, env, rest, e.other, otherDocument)
	if err != nil {
		return err
	}
	e.other = n
	return nil
}

// writeContexts makes a document of the contexts, if there are news, and drops that of an environment which
// is not to remember them any more. The caller holds keeping.
func (u *Usage) writeContexts(ctx context.Context, env segment.EnvID, c *contexts, seen []seenContextJSON, remembers bool) error {
	switch {
	case !remembers && c.written != 0:
		if err := u.drop(ctx, env, contextDocument(c.written)); err != nil {
			return err
		}
		c.written = 0
	case seen != nil:
		n, err := u.replace(ctx, env, seen, c.written, contextDocument)
		if err != nil {
			return err
		}
		c.written = n
	}
	return nil
}

// replace writes a document under a new number and deletes the one of the old number, if there is one.
func (u *Usage) replace(ctx context.Context, env segment.EnvID, v any, old uint64, name func(uint64) store.DocumentID) (uint64, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	u.sequence++
	n := u.sequence
	err = u.store.PutDocument(ctx, env, name(n), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return 0, err
	}
	if old == 0 {
		return n, nil
	}
	return n, u.drop(ctx, env, name(old))
}

func (u *Usage) drop(ctx context.Context, env segment.EnvID, id store.DocumentID) error {
	if err := u.store.DeleteDocument(ctx, env, id); err != nil {
		return fmt.Errorf("delete document %s: %w", id, err)
	}
	return nil
}

func hourDocument(h hour, n uint64) store.DocumentID {
	return store.DocumentID(fmt.Sprintf("%s%08d/%016x", hourPrefix, h, n))
}

func otherDocument(n uint64) store.DocumentID {
	return store.DocumentID(fmt.Sprintf("%s%016x", otherPrefix, n))
}

func contextDocument(n uint64) store.DocumentID {
	return store.DocumentID(fmt.Sprintf("%s%016x", contextPrefix, n))
}

// number returns the number behind the last slash of a document's name, and what is before it.
func number(id store.DocumentID) (string, uint64, error) {
	i := strings.LastIndexByte(string(id), '/')
	n, err := strconv.ParseUint(string(id[i+1:]), 16, 64)
	return string(id[:i+1]), n, err
}

// load reads what is kept of an environment.
func (u *Usage) load(ctx context.Context, env segment.EnvID) error {
	newest, outdated, err := u.documents(ctx, env)
	if err != nil {
		return err
	}
	if len(newest) == 0 {
		return nil
	}
	e := newEnvironment()
	u.environments[env] = e
	for group, n := range newest {
		id := store.DocumentID(fmt.Sprintf("%s%016x", group, n))
		err := u.loadDocument(ctx, env, e, group, id)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			u.log.WarnContext(ctx, "what SDKs reported is missing: a document can't be read", "env", env, "document", id, "err", err)
			outdated = append(outdated, id)
		}
		u.sequence = max(u.sequence, n)
	}
	for _, id := range outdated {
		if err := u.drop(ctx, env, id); err != nil {
			return err
		}
	}
	return nil
}

// documents returns the greatest number of each sort of document, and the names of all others.
func (u *Usage) documents(ctx context.Context, env segment.EnvID) (map[string]uint64, []store.DocumentID, error) {
	newest := make(map[string]uint64)
	var outdated []store.DocumentID
	for doc, err := range u.store.DocumentList(ctx, env, prefix) {
		if err != nil {
			return nil, nil, err
		}
		group, n, err := number(doc.ID)
		if err != nil {
			continue // not one of ours
		}
		if old, ok := newest[group]; ok { // names come in the order of their numbers
			outdated = append(outdated, store.DocumentID(fmt.Sprintf("%s%016x", group, old)))
		}
		newest[group] = n
	}
	return newest, outdated, nil
}

func (u *Usage) loadDocument(ctx context.Context, env segment.EnvID, e *environment, group string, id store.DocumentID) error {
	doc, err := u.store.OpenDocument(ctx, env, id)
	if err != nil {
		return err
	}
	defer func() { _ = doc.Close() }() // it was only read
	text := io.NewSectionReader(doc, 0, doc.Size())
	_, n, err := number(id)
	if err != nil {
		return err
	}
	if group == contextPrefix {
		var seen []seenContextJSON
		if err := json.UnmarshalRead(text, &seen); err != nil {
			return err
		}
		e.contexts.restore(seen)
		e.contexts.written = n
		return nil
	}
	at, isHour := strings.CutPrefix(group, hourPrefix)
	if !isHour {
		var rest otherJSON
		if err := json.UnmarshalRead(text, &rest); err != nil {
			return err
		}
		e.restore(&rest)
		e.other = n
		return nil
	}
	h, err := strconv.ParseInt(strings.TrimSuffix(at, "/"), 10, 32)
	if err != nil {
		return err
	}
	var counts hourJSON
	if err := json.UnmarshalRead(text, &counts); err != nil {
		return err
	}
	for key, byVariation := range counts {
		for variation, n := range byVariation {
			if e.flag(key).add(count{hour(h), variation, n}) {
				e.counts++
			}
		}
	}
	e.written[hour(h)] = n
	return nil
}

func (e *environment) restore(r *otherJSON) {
	for key, f := range r.Flags {
		known := e.flag(key)
		known.last, known.fallback = time.UnixMilli(f.Last), string(f.Fallback)
	}
	for _, s := range r.SDKs {
		e.sdks[SDK{s.Name, s.Version}] = &seen{first: time.UnixMilli(s.First), last: time.UnixMilli(s.Last)}
	}
}
