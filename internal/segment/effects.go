package segment

// Effects says of each change of a list which of its operations had an effect, in two bits a change.
// The zero value is empty and ready to use.
type Effects struct {
	bits []byte
	n    int
}

// EffectsOf returns the effects of n changes that [Effects.Bytes] has given, which are kept; false if they
// can't be those of so many.
func EffectsOf(b []byte, n int) (Effects, bool) { return Effects{b, n}, len(b) == (n+3)/4 }

// Append adds a change of which these operations had an effect.
func (e *Effects) Append(effective Ops) {
	if e.n%4 == 0 {
		e.bits = append(e.bits, 0)
	}
	e.n++
	e.Set(e.n-1, effective)
}

// Set says anew which operations of a change had an effect.
func (e *Effects) Set(i int, effective Ops) {
	var sets byte
	if effective&includeSet != 0 {
		sets |= 1
	}
	if effective&excludeSet != 0 {
		sets |= 2
	}
	at := 2 * (i % 4)
	e.bits[i/4] = e.bits[i/4]&^(3<<at) | sets<<at
}

// Of returns those operations of a change that had an effect.
func (e *Effects) Of(i int, ops Ops) Ops {
	sets := e.bits[i/4] >> (2 * (i % 4)) & 3
	if sets&1 == 0 {
		ops &^= includeSet
	}
	if sets&2 == 0 {
		ops &^= excludeSet
	}
	return ops
}

// Bytes returns the effects as they are kept.
func (e *Effects) Bytes() []byte { return e.bits }

// Len returns of how many changes something is said.
func (e *Effects) Len() int { return e.n }

// Inverse returns what takes operations back that had an effect.
func (o Ops) Inverse() Ops { return o&(Include|Exclude)<<1 | o&(Uninclude|Unexclude)>>1 }
