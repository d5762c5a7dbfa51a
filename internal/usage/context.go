package usage

import (
	"container/list"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/catalog"
	"muster/internal/segment"
)

const (
	// maxContexts is how many contexts an environment remembers, and maxContextKey how long a key may be to
	// be remembered: at most 4 MiB with what else is kept of them, most of the time a tenth of it.
	maxContexts   = 10_000
	maxContextKey = 256
)

// contextName says which context.
type contextName struct {
	kind segment.ContextKind
	key  string
}

// seenContext is when a context was seen. None of its attributes is kept.
type seenContext struct {
	contextName
	last  time.Time
	hour  hour
	count uint64 // of events in the hour
	sdk   SDK
}

// contexts are those that an environment's SDKs sent, at most maxContexts: the one that was seen longest
// ago gives way.
type contexts struct {
	byName  map[contextName]*list.Element // of *seenContext
	order   *list.List                    // the one seen last in front
	news    bool
	written uint64 // document; 0 without
}

func newContexts() *contexts {
	return &contexts{byName: make(map[contextName]*list.Element), order: list.New()}
}

func (c *contexts) see(name contextName, n uint64, sdk SDK, now time.Time) {
	c.news = true
	e := c.byName[name]
	if e == nil {
		if c.order.Len() >= maxContexts {
			oldest := c.order.Back()
			delete(c.byName, c.order.Remove(oldest).(*seenContext).contextName) //nolint:forcetypeassert // nothing else is in it
		}
		e = c.order.PushFront(&seenContext{contextName: name})
		c.byName[name] = e
	}
	c.order.MoveToFront(e)
	s := e.Value.(*seenContext) //nolint:forcetypeassert // nothing else is in it
	if at := hourOf(now); s.hour != at {
		s.hour, s.count = at, 0
	}
	s.count += n
	s.last, s.sdk = now, sdk
}

// newestFirst calls fn with the contexts, the one seen last first, until it returns false.
func (c *contexts) newestFirst(fn func(*seenContext) bool) {
	for e := c.order.Front(); e != nil; e = e.Next() {
		if !fn(e.Value.(*seenContext)) { //nolint:forcetypeassert // nothing else is in it
			return
		}
	}
}

// seenContextJSON is a context in the document of contexts, which lists them newest first.
type seenContextJSON struct {
	Kind  string `json:"kind"`
	Key   string `json:"key"`
	Last  int64  `json:"last"` // Unix milliseconds
	Hour  hour   `json:"hour"`
	Count uint64 `json:"count"`
	SDK   string `json:"sdk"`
	Is    string `json:"version"`
}

func (c *contexts) document() []seenContextJSON {
	all := make([]seenContextJSON, 0, c.order.Len())
	c.newestFirst(func(s *seenContext) bool {
		all = append(all, seenContextJSON{string(s.kind), s.key, s.last.UnixMilli(), s.hour, s.count, s.sdk.Name, s.sdk.Version})
		return true
	})
	return all
}

func (c *contexts) restore(all []seenContextJSON) {
	for _, s := range all[:min(len(all), maxContexts)] {
		name := contextName{segment.ContextKind(s.Kind), s.Key}
		c.byName[name] = c.order.PushBack(&seenContext{name, time.UnixMilli(s.Last), s.Hour, s.Count, SDK{s.SDK, s.Is}})
	}
}

// context notes the contexts that an event names: one, several of a "multi" kind, or a user of before
// there were kinds.
func (p *payload) context(v jsontext.Value) {
	if len(v) == 0 || !p.report.Environment.RecordContexts {
		return
	}
	var one struct {
		Kind *string `json:"kind"`
		Key  string  `json:"key"`
	}
	if json.Unmarshal(v, &one, lenient) != nil {
		return
	}
	switch {
	case one.Kind == nil:
		p.seeContext(string(segment.DefaultKind), one.Key)
	case *one.Kind != "multi":
		p.seeContext(*one.Kind, one.Key)
	default:
		_ = members(v, func(kind string, v jsontext.Value) { // it is an object
			var part struct {
				Key string `json:"key"`
			}
			if kind != "kind" && json.Unmarshal(v, &part, lenient) == nil {
				p.seeContext(kind, part.Key)
			}
		})
	}
}

func (p *payload) seeContext(kind, key string) {
	name := contextName{segment.ContextKind(kind), key}
	if key == "" || len(key) > maxContextKey || !catalog.ValidContextKind(name.kind) {
		return
	}
	if _, known := p.contexts[name]; !known && len(p.contexts) >= maxContexts {
		return
	}
	if p.contexts == nil {
		p.contexts = make(map[contextName]uint64)
	}
	p.contexts[contextName{name.kind, strings.ToValidUTF8(key, "\uFFFD")}]++
}

// SeenContext is a context that SDKs sent in events.
type SeenContext struct {
	Kind segment.ContextKind
	Key  string
	Last time.Time
	// Count is how many events of the hour of Last named it.
	Count uint64
	SDK   SDK // that sent it last; zero if it does not say
}

// Contexts returns the contexts that SDKs of an environment sent and that matches accepts, the one seen
// last first, if the environment is to remember them.
func (u *Usage) Contexts(env *catalog.Environment, matches func(SeenContext) bool) []SeenContext {
	all := []SeenContext{}
	if !env.RecordContexts {
		return all
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if e := u.environments[env.ID]; e != nil {
		e.contexts.newestFirst(func(s *seenContext) bool {
			if c := (SeenContext{s.kind, s.key, s.last, s.count, s.sdk}); matches(c) {
				all = append(all, c)
			}
			return true
		})
	}
	return all
}

// Context returns a context if SDKs of an environment sent it and the environment is to remember them.
func (u *Usage) Context(env *catalog.Environment, kind segment.ContextKind, key string) (SeenContext, bool) {
	if !env.RecordContexts {
		return SeenContext{}, false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	e := u.environments[env.ID]
	if e == nil {
		return SeenContext{}, false
	}
	at := e.contexts.byName[contextName{kind, key}]
	if at == nil {
		return SeenContext{}, false
	}
	s := at.Value.(*seenContext) //nolint:forcetypeassert // nothing else is in it
	return SeenContext{s.kind, s.key, s.last, s.count, s.sdk}, true
}

// ContextCount returns how many contexts of an environment are remembered.
func (u *Usage) ContextCount(env segment.EnvID) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	if e := u.environments[env]; e != nil {
		return e.contexts.order.Len()
	}
	return 0
}
