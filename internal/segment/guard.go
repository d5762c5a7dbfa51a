package segment

import (
	"math"
	"slices"
	"time"

	"muster/internal/fault"
)

// Guard is the limits beyond which a sync is held instead of applied.
type Guard struct {
	// Shrink is how many percent of a segment may be removed within Window, -1: any.
	Shrink float64
	// Members is how many members a segment must have for Shrink and Growth to count.
	Members int64
	Window  time.Duration
	// AllowEmpty lets a whole list without anybody replace a segment that has members.
	AllowEmpty bool
	// Growth is by how many percent a segment may grow within Window, -1: any.
	Growth float64
	// Reject refuses a sync that would be held.
	Reject bool
}

// DefaultGuard is the guard of a segment for which nobody set another.
var DefaultGuard = Guard{Shrink: 30, Members: 1000, Window: 10 * time.Minute, Growth: -1}

// GuardSettings are the limits that somebody set on a segment or an environment. Those that are nil
// are inherited.
type GuardSettings struct {
	Shrink     *float64
	Members    *int64
	Window     *time.Duration
	AllowEmpty *bool
	Growth     *float64
	Reject     *bool
}

// Over returns the guard under the settings, which may be nil.
func (s *GuardSettings) Over(g Guard) Guard {
	if s == nil {
		return g
	}
	set(&g.Shrink, s.Shrink)
	set(&g.Members, s.Members)
	set(&g.Window, s.Window)
	set(&g.AllowEmpty, s.AllowEmpty)
	set(&g.Growth, s.Growth)
	set(&g.Reject, s.Reject)
	return g
}

// GuardField names one limit of a guard.
type GuardField string

// The limits.
const (
	GuardShrink     GuardField = "shrink"
	GuardMembers    GuardField = "members"
	GuardWindow     GuardField = "window"
	GuardAllowEmpty GuardField = "allowEmpty"
	GuardGrowth     GuardField = "growth"
	GuardReject     GuardField = "reject"
)

// GuardFields are all limits.
var GuardFields = []GuardField{GuardShrink, GuardMembers, GuardWindow, GuardAllowEmpty, GuardGrowth, GuardReject}

// Sets reports whether the settings, which may be nil, set a limit.
func (s *GuardSettings) Sets(f GuardField) bool {
	if s == nil {
		return false
	}
	switch f {
	case GuardShrink:
		return s.Shrink != nil
	case GuardMembers:
		return s.Members != nil
	case GuardWindow:
		return s.Window != nil
	case GuardAllowEmpty:
		return s.AllowEmpty != nil
	case GuardGrowth:
		return s.Growth != nil
	case GuardReject:
		return s.Reject != nil
	}
	return false
}

// none reports whether the settings leave all limits to others.
func (s *GuardSettings) none() bool { return !slices.ContainsFunc(GuardFields, s.Sets) }

// Bounds of what can be set.
const (
	maxGrowth = 1_000_000 // percent
	minWindow = time.Second
	maxWindow = time.Hour // as far back as is known what syncs did
)

// GuardLimits are the bounds of a guard's own limits.
func GuardLimits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxGuardGrowthPercent", Value: maxGrowth},
		{Name: "maxGuardWindowSeconds", Value: int64(maxWindow / time.Second)},
	}
}

// Validate returns a sentence about the first limit that can't be as it is.
func (s *GuardSettings) Validate() error {
	if s == nil {
		return nil
	}
	outside := func(v *float64, most float64) bool {
		return v != nil && (math.IsNaN(*v) || *v != -1 && (*v < 0 || *v > most))
	}
	switch {
	case outside(s.Shrink, 100):
		return fault.Invalidf("the shrink limit of a guard must be 0 to 100 percent, or off")
	case outside(s.Growth, maxGrowth):
		return fault.Invalidf("the growth limit of a guard must be 0 to %d percent, or off", maxGrowth)
	case s.Members != nil && *s.Members < 0:
		return fault.Invalidf("the number of members from which a guard counts must be 0 or more")
	case s.Window != nil && (*s.Window < minWindow || *s.Window > maxWindow):
		return fault.Invalidf("the window of a guard must be 1 to %d seconds", int(maxWindow.Seconds()))
	}
	return nil
}

// Clone returns a copy that shares nothing with s.
func (s *GuardSettings) Clone() *GuardSettings {
	if s == nil {
		return nil
	}
	return &GuardSettings{
		Shrink: clone(s.Shrink), Members: clone(s.Members), Window: clone(s.Window),
		AllowEmpty: clone(s.AllowEmpty), Growth: clone(s.Growth), Reject: clone(s.Reject),
	}
}

// Equal reports whether both set the same limits to the same values.
func (s *GuardSettings) Equal(o *GuardSettings) bool {
	if s == nil || o == nil {
		return s.none() == o.none()
	}
	return same(s.Shrink, o.Shrink) && same(s.Members, o.Members) && same(s.Window, o.Window) &&
		same(s.AllowEmpty, o.AllowEmpty) && same(s.Growth, o.Growth) && same(s.Reject, o.Reject)
}

func same[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Sync is what a sync would do to a segment, and what others did within the window.
type Sync struct {
	Members        int64 // now
	Added, Removed int   // by this sync
	AddedLately    int   // by those before it
	RemovedLately  int
	Whole          bool // it is a whole list
	MembersAfter   int64
}

// Check returns why a sync must be held, "" if it need not be, and the limit that it breaks.
func (g Guard) Check(s Sync) (reason HoldReason, limit float64) {
	if s.Whole && s.MembersAfter == 0 && s.Members > 0 && !g.AllowEmpty {
		return HeldEmpty, 0
	}
	// A segment that was filled within the window is as large as it is now.
	before := max(s.Members, s.Members+int64(s.RemovedLately)-int64(s.AddedLately))
	if before < g.Members || before <= 0 {
		return "", 0
	}
	percent := func(n int) float64 { return 100 * float64(n) / float64(before) }
	switch {
	case g.Shrink >= 0 && s.Removed > 0 && percent(s.Removed+s.RemovedLately) > g.Shrink:
		return HeldShrink, g.Shrink
	case g.Growth >= 0 && s.Added > 0 && percent(s.Added+s.AddedLately) > g.Growth:
		return HeldGrowth, g.Growth
	}
	return "", 0
}
