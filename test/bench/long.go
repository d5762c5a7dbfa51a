package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// long measures lists that take minutes, each on a server of its own. Run it with GOMEMLIMIT=1GiB to
// see that memory does not grow with them.
func (r run) long() error {
	fmt.Printf("GOMEMLIMIT=%s\n", os.Getenv("GOMEMLIMIT"))
	for _, members := range []int{1_000_000, 50_000_000, 100_000_000} {
		if err := r.on(func(b *bench) error { return b.large(1, members) }); err != nil {
			return err
		}
	}
	return r.on(func(b *bench) error { return b.large(10, 10_000_000) })
}

// large measures first lists of so many members, and the start with them.
func (b *bench) large(segments, members int) error {
	name := fmt.Sprintf("%d x %d members", segments, members)
	var took time.Duration
	cpu := b.cpu()
	for n := range segments {
		key := fmt.Sprintf("large-%d", n)
		if err := b.segment(key); err != nil {
			return err
		}
		one, err := b.upload("/api/v2/segments/default/production/"+key, &rows{from: n * members, to: (n + 1) * members})
		if err != nil {
			return err
		}
		took += one
	}
	total := float64(segments * members)
	report(name, "first byte sent to visible %.1f s in all, server %.2f us a member, %d MB of memory that is not files, rosters %.1f B a member",
		took.Seconds(), (b.cpu()-cpu).Seconds()*1e6/total, b.status("RssAnon")>>10, float64(b.disk("roster"))/total)
	if err := b.restart(); err != nil {
		return err
	}
	began := time.Now()
	var state struct{ Included bool }
	err := b.get(fmt.Sprintf("/api/v2/segments/default/production/large-0/contexts/user-%015d", members/2), &state)
	if err == nil && !state.Included {
		err = fmt.Errorf("%s: a member is not found after the start", name)
	}
	report(name, "first lookup %v after ready", time.Since(began).Round(100*time.Microsecond))
	return err
}

// members measures how many bytes a member takes on disk, by what its key is.
func (b *bench) members() error {
	const n = 1_000_000
	for _, shape := range []string{"20 digits", "UUIDs"} {
		key := "keys-of-" + shape[:2]
		if err := b.segment(key); err != nil {
			return err
		}
		before := b.disk("roster")
		if _, err := b.upload("/api/v2/segments/default/production/"+key, &randomRows{n: n, uuids: shape == "UUIDs"}); err != nil {
			return err
		}
		report(fmt.Sprintf("%d members with keys of %s", n, shape), "%.1f B of disk a member", float64(b.disk("roster")-before)/n)
	}
	return b.call(http.MethodGet, "/api/v2/segments/default/production/keys-of-20", "", http.StatusOK)
}

// randomRows is a list of keys that nothing can be told of beforehand, read as CSV.
type randomRows struct {
	n, at int
	uuids bool
	left  []byte
}

func (r *randomRows) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		if r.at == r.n {
			return 0, io.EOF
		}
		h := sha256.Sum256(fmt.Append(nil, r.at))
		r.at++
		if r.uuids {
			r.left = fmt.Appendf(r.left, "%x-%x-4%x-%x-%x\n", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
		} else {
			for _, b := range h[:10] {
				r.left = appendNumber(r.left, int(b)%100, 2)
			}
			r.left = append(r.left, '\n')
		}
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}
