package usage

import (
	"cmp"
	"slices"
	"time"

	"muster/internal/catalog"
)

const (
	// maxCounts is how many counts an environment keeps, 16 bytes each; beyond it the oldest hour goes.
	maxCounts = 500_000
	// maxSDKs and maxInstances are how many of them an environment remembers. Of SDKs the one that was
	// seen longest ago gives way; further instances are not counted.
	maxSDKs      = 200
	maxInstances = 10_000
	// instanceSpan is for how long an instance counts after it was seen. SDKs send diagnostics every
	// 15 minutes, so that all that run are seen often enough.
	instanceSpan = 24 * time.Hour
)

// hour is a number of hours since 1970.
type hour int32

func hourOf(t time.Time) hour { return hour(t.Unix() / 3600) }

func (h hour) time() time.Time { return time.Unix(int64(h)*3600, 0) }

// environment is what one environment's SDKs have reported. The lock of the usage guards it.
type environment struct {
	flags  map[catalog.FlagKey]*flag
	counts int // of all flags
	sdks   map[SDK]*seen
	// instances lasts as long as the process.
	instances map[uint64]instance

	total, unknown uint64 // evaluations since the start

	contexts *contexts // of an environment that is to remember them

	changed map[hour]bool // hours that must be written again
	news    bool          // something else must be
	written map[hour]uint64
	other   uint64 // document with what is not counts; 0 without
}

func newEnvironment() *environment {
	return &environment{
		flags: make(map[catalog.FlagKey]*flag), sdks: make(map[SDK]*seen), instances: make(map[uint64]instance),
		contexts: newContexts(), changed: make(map[hour]bool), written: make(map[hour]uint64),
	}
}

// flag is what is known of a flag's evaluations.
type flag struct {
	last     time.Time
	fallback string  // what the code would serve, as JSON; "" if not known
	counts   []count // by hour and variation
}

// count is how often one variation was served in one hour.
type count struct {
	hour      hour
	variation int32
	n         uint64
}

func compareCounts(a, b count) int {
	return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.variation, b.variation))
}

// add counts n evaluations; true if that is a new count.
func (f *flag) add(c count) bool {
	i, found := slices.BinarySearchFunc(f.counts, c, compareCounts)
	if found {
		f.counts[i].n += c.n
		return false
	}
	f.counts = slices.Insert(f.counts, i, c)
	return true
}

func (e *environment) flag(key catalog.FlagKey) *flag {
	f := e.flags[key]
	if f == nil {
		f = &flag{}
		e.flags[key] = f
	}
	return f
}

// add counts what a report says.
func (e *environment) add(p *payload, now time.Time, instance uint64) {
	at := hourOf(now)
	for what, n := range p.counts {
		f := e.flag(what.flag)
		f.last = now
		if f.add(count{at, int32(what.variation), n}) {
			e.counts++
		}
		e.total += n
		e.changed[at], e.news = true, true
	}
	for key, fallback := range p.defaults {
		e.flag(key).fallback = fallback
	}
	for name, n := range p.contexts {
		e.contexts.see(name, n, p.report.SDK, now)
	}
	e.unknown += p.unknown
	e.see(p.report.SDK, instance, now)
	if e.counts > maxCounts {
		e.forgetBefore(e.oldest() + 1)
	}
}

// oldest returns the oldest hour that has counts.
func (e *environment) oldest() hour {
	var oldest hour
	for _, f := range e.flags {
		if len(f.counts) > 0 && (oldest == 0 || f.counts[0].hour < oldest) {
			oldest = f.counts[0].hour
		}
	}
	return oldest
}

// forgetBefore drops the counts before an hour.
func (e *environment) forgetBefore(h hour) {
	for _, f := range e.flags {
		if n, _ := slices.BinarySearchFunc(f.counts, count{hour: h, variation: NoVariation}, compareCounts); n > 0 {
			f.counts = slices.Clone(f.counts[n:])
			e.counts -= n
		}
	}
}

// forget drops flags that there are no longer, counts that are too old, and instances that ended.
func (e *environment) forget(exists func(catalog.FlagKey) bool, now time.Time) {
	e.forgetBefore(hourOf(now.Add(-Kept)))
	for key, f := range e.flags {
		if !exists(key) {
			for _, c := range f.counts {
				e.changed[c.hour] = true
			}
			e.counts -= len(f.counts)
			delete(e.flags, key)
			e.news = true
		}
	}
	for id, i := range e.instances {
		if now.Sub(i.last) > instanceSpan {
			delete(e.instances, id)
			i.of.instances--
		}
	}
}

// SDK names an SDK in one version, like GoClient 7.14.6.
type SDK struct{ Name, Version string }

// seen is when an SDK reported.
type seen struct {
	first, last time.Time
	instances   int
}

// instance is a running copy of an SDK.
type instance struct {
	of   *seen
	last time.Time
}

func (e *environment) see(k SDK, id uint64, now time.Time) {
	if k == (SDK{}) {
		return
	}
	s := e.sdks[k]
	if s == nil {
		e.makeRoom()
		s = &seen{first: now}
		e.sdks[k] = s
	}
	s.last, e.news = now, true
	if id == 0 {
		return
	}
	known, ok := e.instances[id]
	switch {
	case ok && known.of != s: // it runs another version now, or was forgotten
		known.of.instances--
	case ok:
		e.instances[id] = instance{s, now}
		return
	case len(e.instances) >= maxInstances:
		return
	}
	s.instances++
	e.instances[id] = instance{s, now}
}

// makeRoom lets the SDK that was seen longest ago give way if there are too many.
func (e *environment) makeRoom() {
	if len(e.sdks) < maxSDKs {
		return
	}
	var oldest SDK
	for k, s := range e.sdks {
		if oldest == (SDK{}) || s.last.Before(e.sdks[oldest].last) {
			oldest = k
		}
	}
	delete(e.sdks, oldest)
}
