package relayfeed

import (
	"context"

	"muster/internal/segment"
)

// Await returns when an environment's relays may know a revision.
func (f *Feed) Await(ctx context.Context, env segment.EnvID, rev segment.Revision) error {
	l, err := f.follow(env)
	if err != nil {
		return err
	}
	for {
		st := l.state.Load()
		if st.revision >= rev || st.end != nil {
			return st.end
		}
		select {
		case <-st.passed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// The limits of pages.
const (
	MaxPatch   = maxPatch
	MaxChanges = maxChanges
	MaxBytes   = maxBytes
	MaxSame    = maxSame
)

// ParseVersion and String are for the fuzzer.
func ParseVersion(s string) (text string, ok bool) {
	v, ok := parseVersion(s)
	return v.String(), ok
}
