package usage

import "muster/internal/catalog"

// Waiting returns how many reports wait to be read.
func Waiting(u *Usage) int {
	u.queue.mu.Lock()
	defer u.queue.mu.Unlock()
	return u.queue.count
}

// Held returns how many bytes of bodies are in memory.
func Held(u *Usage) int64 {
	u.queue.mu.Lock()
	defer u.queue.mu.Unlock()
	return u.queue.bytes
}

// Read reads a body and returns how many evaluations of which flags it reports, and of how many flags
// that there are not.
func Read(u *Usage, env *catalog.Environment, body []byte) (counts map[catalog.FlagKey]uint64, unknown uint64, err error) {
	p := payload{report: Report{Environment: env, Unsummarized: true}, store: u.store, counts: make(map[evaluated]uint64)}
	err = p.read(body)
	counts = make(map[catalog.FlagKey]uint64)
	for what, n := range p.counts {
		counts[what.flag] += n
	}
	return counts, p.unknown, err
}
