package sdk

import (
	"errors"
	"sync"
	"sync/atomic"

	"muster/internal/fault"
)

// The reasons for which a stream is refused.
const (
	tooManyOfKey = iota
	tooManyOfAddress
	refusals
)

var refusalNames = [refusals]string{tooManyOfKey: "key", tooManyOfAddress: "address"}

// errTooMany says that a limit of streams is reached.
var errTooMany = errors.New("too many streams")

// limiter bounds how many streams are open by one credential and from one address.
type limiter struct {
	perKey, perAddress int // 0: any number

	mu        sync.Mutex // guards the maps, which hold nobody without a stream
	keys      map[string]int
	addresses map[string]int

	refused [refusals]atomic.Uint64
}

// enter counts a stream until leave is called. The refusal is one after which every SDK tries again.
func (l *limiter) enter(key, address string) (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.perKey > 0 && l.keys[key] >= l.perKey:
		l.refused[tooManyOfKey].Add(1)
		return nil, fault.Unavailablef("%d streams are open with this credential, and no more are allowed (--max-streams-per-key); try again later", l.perKey).Because(errTooMany)
	case l.perAddress > 0 && l.addresses[address] >= l.perAddress:
		l.refused[tooManyOfAddress].Add(1)
		return nil, fault.Unavailablef("%d streams are open from this address, and no more are allowed (--max-streams-per-address); try again later", l.perAddress).Because(errTooMany)
	}
	if l.keys == nil {
		l.keys, l.addresses = make(map[string]int), make(map[string]int)
	}
	l.keys[key]++
	l.addresses[address]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		uncount(l.keys, key)
		uncount(l.addresses, address)
	}, nil
}

func uncount(counts map[string]int, name string) {
	if counts[name]--; counts[name] == 0 {
		delete(counts, name)
	}
}

// credential returns by what a request came in. Client-side IDs look like no key, so that they share the
// namespace.
func (c *call) credential() string {
	if id := c.params[envParam]; id != "" {
		return id
	}
	return c.key()
}
