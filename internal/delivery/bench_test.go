package delivery

import (
	"fmt"
	"testing"
	"time"

	"muster/internal/segment"
)

// seeded returns a log with n flags, each open to the members of one of 20 segments that hold u0.
func seeded(b testing.TB, n int) *memoryLog {
	b.Helper()
	l := newMemoryLog()
	var all []segment.Definition
	var members []memberChange
	for i := range 20 {
		key := fmt.Sprintf("segment-%d", i)
		all = append(all, bigSegment(b, key))
		members = append(members, include(segment.Ref{Key: segment.Key(key), Generation: 1}, "u0"))
	}
	for i := range n {
		all = append(all, bigFlag(b, fmt.Sprintf("flag-%d", i), 1, fmt.Sprintf("segment-%d", i%20)))
	}
	l.commit(define(all...), members...)
	return l
}

func BenchmarkEvaluate(b *testing.B) {
	for _, flags := range []int{1, 100} {
		b.Run(fmt.Sprintf("flags=%d", flags), func(b *testing.B) {
			d := open(b, seeded(b, flags), Options{})
			r := user("u0")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Evaluate(b.Context(), env, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// One of 10,000 connections is touched: the time from the commit to its event.
func BenchmarkTargetedUpdate(b *testing.B) {
	l := seeded(b, 100)
	d := open(b, l, Options{})
	var watched *Connection
	for i := range 10_000 {
		c := connect(b, d, user(fmt.Sprintf("u%d", i)))
		if i == 5_000 {
			watched = c
		}
	}
	ref := segment.Ref{Key: "segment-0", Generation: 1}
	text(b, watched)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%2 == 0 {
			l.commit(segment.Entry{}, include(ref, "u5000"))
		} else {
			l.commit(segment.Entry{}, uninclude(ref, "u5000"))
		}
		text(b, watched)
	}
}

// Finding and waking the one touched connection of 10,000 must not allocate.
func BenchmarkTouchNoAlloc(b *testing.B) {
	var a audience
	a.init()
	for i := range 10_000 {
		a.join(&Connection{hashes: contextHashes(user(fmt.Sprintf("u%d", i))), ready: make(chan struct{}, 1)})
	}
	hashes := []segment.Hash{segment.HashOf("u5000")}
	for i := range 99 {
		hashes = append(hashes, segment.HashOf(fmt.Sprintf("stranger-%d", i)))
	}
	delta := segment.MemberDelta{Ref: vip, Len: len(hashes), Each: func(_ *segment.Hash, yield func(segment.Change) bool) error {
		for _, h := range hashes {
			yield(segment.Change{Hash: h, Ops: segment.Include})
		}
		return nil
	}}
	rev := segment.Revision(0)
	step := func() {
		rev++
		if err := a.touch(rev, delta); err != nil || len(a.marked) != 1 {
			b.Fatalf("marked %d, %v", len(a.marked), err)
		}
		a.wakeMarked()
	}
	requireNoAllocations(b, step)
	for b.Loop() {
		step()
	}
}

// A message costs a subscriber nothing but its bytes, which all of them share.
func BenchmarkSubscriberNoAlloc(b *testing.B) {
	const links = 1000
	first := &change{ready: make(chan struct{})}
	tail := &chain{}
	for range links {
		tail.add(&news{first: []byte("event: patch\n\n")}, 0, time.Time{})
	}
	first.next = tail.first
	close(first.ready)
	tail.tail.next = first // a circle, so that there is always something to read
	first.news.Store(&news{first: []byte("x")})
	close(tail.tail.ready)
	s := &Subscription{at: first}
	step := func() {
		<-s.Ready()
		if m, err := s.Next(); err != nil || len(m.Bytes) == 0 {
			b.Fatal(err)
		}
	}
	requireNoAllocations(b, step)
	for b.Loop() {
		step()
	}
}

// Publishing to 10,000 waiting subscribers, until the last of them has the message.
func BenchmarkPublish(b *testing.B) {
	const streams = 10_000
	l := newMemoryLog()
	d := open(b, l, Options{})
	arrived := make(chan struct{}, streams)
	for range streams {
		s, err := d.Subscribe(b.Context(), env, "")
		if err != nil {
			b.Fatal(err)
		}
		go func() {
			for {
				m, err := s.Next()
				if err != nil {
					return
				}
				if len(m.Bytes) > 0 {
					arrived <- struct{}{}
					continue
				}
				<-s.Ready()
			}
		}()
	}
	drain := func() {
		for range streams {
			<-arrived
		}
	}
	drain()
	b.ReportAllocs()
	for version := 1; b.Loop(); version++ {
		l.commit(define(boolFlag(b, "checkout", version, true)))
		drain()
	}
}

func requireNoAllocations(b *testing.B, step func()) {
	b.Helper()
	if n := testing.AllocsPerRun(100, step); n > 0 {
		b.Fatalf("%v allocations a step", n)
	}
}

// large returns a log with 5,000 flags and 10,000 segments.
func large(b *testing.B) *memoryLog {
	b.Helper()
	l := newMemoryLog()
	var all []segment.Definition
	for i := range 10_000 {
		all = append(all, bigSegment(b, fmt.Sprintf("segment-%d", i)))
	}
	for i := range 5_000 {
		all = append(all, bigFlag(b, fmt.Sprintf("flag-%d", i), 1, fmt.Sprintf("segment-%d", i)))
	}
	l.commit(define(all...))
	return l
}

func size(pieces [][]byte) (n int) {
	for _, p := range pieces {
		n += len(p)
	}
	return n
}

// A flag changes in an environment of 5,000 flags and 10,000 segments: until it is visible, and until an
// SDK that polls has been given everything.
func BenchmarkLargeEnvironment(b *testing.B) {
	for name, load := range map[string]func(*Snapshot) int{
		"visible": func(*Snapshot) int { return 0 },
		"plain":   func(s *Snapshot) int { return size(s.Payload().JSON) },
		"gzip":    func(s *Snapshot) int { return size(s.Payload().Gzip()) },
	} {
		b.Run(name, func(b *testing.B) {
			l := large(b)
			d := open(b, l, Options{})
			b.ReportAllocs()
			loaded := 0
			for version := 2; b.Loop(); version++ {
				l.commit(define(bigFlag(b, "flag-7", version, "segment-8")))
				s, err := d.Current(b.Context(), env, "")
				if err != nil {
					b.Fatal(err)
				}
				loaded = load(s)
			}
			b.ReportMetric(float64(loaded), "payload-bytes")
		})
	}
}

// The first snapshot of an environment of 5,000 flags and 10,000 segments.
func BenchmarkFirstSnapshot(b *testing.B) {
	l := large(b)
	b.ReportAllocs()
	for b.Loop() {
		d := New(l, Options{Log: quiet()})
		if _, err := d.Current(b.Context(), env, ""); err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}
