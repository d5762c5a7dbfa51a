package usage

import (
	"cmp"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// Count is how often a variation was served in one hour.
type Count struct {
	Hour      time.Time // when it began
	Variation int       // index into the flag's variations, or [NoVariation]
	N         uint64
}

// Evaluations returns the counts of a flag in the hours that begin within [from, to], by hour and
// variation.
func (u *Usage) Evaluations(env segment.EnvID, key catalog.FlagKey, from, to time.Time) []Count {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []Count
	if f := u.flag(env, key); f != nil {
		for _, c := range f.counts {
			if at := c.hour.time(); !at.Before(from) && !at.After(to) {
				all = append(all, Count{at, int(c.variation), c.n})
			}
		}
	}
	return all
}

// flag returns what is known of a flag, nil if nothing. The caller holds mu.
func (u *Usage) flag(env segment.EnvID, key catalog.FlagKey) *flag {
	if e := u.environments[env]; e != nil {
		return e.flags[key]
	}
	return nil
}

// LastEvaluated returns when SDKs last reported evaluations of a flag, zero if never, and the default
// that their code then named as JSON, "" if it is not known.
func (u *Usage) LastEvaluated(env segment.EnvID, key catalog.FlagKey) (at time.Time, fallback string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if f := u.flag(env, key); f != nil {
		return f.last, f.fallback
	}
	return time.Time{}, ""
}

// SeenSDK is an SDK that reported.
type SeenSDK struct {
	SDK
	First, Last time.Time
	// Instances are those seen within 24 hours, since the start of the process. SDKs that don't tell
	// one instance from another, and more than 10,000 in an environment, are not in it.
	Instances int
}

// SDKs returns the SDKs that reported in an environment, sorted by name and version.
func (u *Usage) SDKs(env segment.EnvID) []SeenSDK {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := []SeenSDK{}
	if e := u.environments[env]; e != nil {
		for k, s := range e.sdks {
			all = append(all, SeenSDK{k, s.first, s.last, s.instances})
		}
	}
	slices.SortFunc(all, func(a, b SeenSDK) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return all
}

// Totals returns how many evaluations were reported in an environment since the start of the process:
// of flags that there are, and of others.
func (u *Usage) Totals(env segment.EnvID) (known, unknown uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if e := u.environments[env]; e != nil {
		return e.total, e.unknown
	}
	return 0, 0
}
