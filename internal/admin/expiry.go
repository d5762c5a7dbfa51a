package admin

import (
	"context"
	"errors"
	"fmt"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// itself is muster where it acts on its own.
var itself = catalog.Caller{
	Principal: policy.Principal{Roles: []policy.Role{{
		Base: policy.NoAccess, Policy: []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"*"}}},
	}}},
	Actor: segment.Actor{Kind: "system", Name: "muster"},
}

// ExpireSegments deletes the segments whose time is over: test syncs made them. One that a rule names
// stays for as long as it does.
func (a *Admin) ExpireSegments(ctx context.Context) error {
	var failed error
	for _, p := range a.store.Projects() {
		for _, env := range a.store.Environments(p.Key) {
			for _, s := range a.store.Segments(env.ID) {
				if a.expired(s) {
					failed = errors.Join(failed, a.expire(ctx, p, env, s))
				}
			}
		}
	}
	return failed
}

func (a *Admin) expired(s *catalog.Segment) bool {
	return !s.ExpiresAt.IsZero() && !a.now().Before(s.ExpiresAt)
}

// errStays ends the deletion of a segment that took the place of one whose time was over.
var errStays = errors.New("the segment stays")

func (a *Admin) expire(ctx context.Context, p *catalog.Project, env *catalog.Environment, s *catalog.Segment) error {
	err := a.DeleteSegment(ctx, itself, p.Key, env.Key, s.Key, func(now *catalog.Segment) error {
		if !a.expired(now) {
			return errStays
		}
		return nil
	})
	if kind := fault.KindOf(err); err == nil || errors.Is(err, errStays) || kind == fault.Conflict || kind == fault.NotFound || errors.Is(err, store.ErrClosed) {
		return nil
	}
	return fmt.Errorf("delete segment %s of environment %s, whose time is over: %w", s.Key, env.Key, err)
}
