package main

import (
	"context"
	"fmt"
	"strings"

	"muster/internal/admin"
	"muster/internal/segment"
	"muster/internal/sink"
)

// turn carries the moves of segments to other generations on until stop is called.
func (s *server) turn(ctx context.Context, people *admin.Admin) (turner *admin.Turner, stop func()) {
	turner = people.NewTurner(admin.TurnOptions{
		SDKCache: s.settings.SDKCache, Patience: s.settings.MovePatience, Followers: s.keepElsewhere,
		Failed: func(env segment.EnvID, key segment.Key, err error) {
			s.log.WarnContext(ctx, "a move to the next generation can't go on; it is tried again", "environment", env, "segment", key, "err", err)
		},
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { defer close(done); turner.Run(ctx) }()
	return turner, func() { cancel(); <-done }
}

// keepElsewhere returns those who keep the members of an environment elsewhere: relays, and stores that are
// on and not paused.
func (s *server) keepElsewhere(env segment.EnvID) []admin.Follower {
	relays := map[string]*admin.Follower{} // several behind one address are as far as the last of them
	var all []*admin.Follower
	for _, f := range s.relays.Followers(env) {
		name := strings.TrimSpace("relay " + f.Address)
		revision := f.Revision
		if !f.Complete {
			revision = 0
		}
		one := relays[name]
		if one == nil {
			one = &admin.Follower{Name: name, Revision: revision}
			relays[name] = one
			all = append(all, one)
		}
		one.Revision = min(one.Revision, revision)
		one.Progress += f.Cursor + " "
	}
	for _, st := range s.sinks.Statuses() {
		if st.Env != env || st.State == sink.Off || st.State == sink.Paused {
			continue
		}
		one := &admin.Follower{
			Name: "store " + st.Name + " (" + string(st.ID) + ")", Progress: fmt.Sprint(st.Revision, st.Complete, st.Written, st.Walked),
		}
		if st.Complete {
			one.Revision = st.Revision
		}
		all = append(all, one)
	}
	out := make([]admin.Follower, len(all))
	for i, f := range all {
		out[i] = *f
	}
	return out
}
