package delivery

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/segment"
)

// drained reads a stream to its end, as a stream's loop does.
func drained(t testing.TB, s Stream) {
	t.Helper()
	for {
		m, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Bytes) == 0 && !m.Environment {
			return
		}
	}
}

// only returns the one reader there is.
func only(t testing.TB, d *Delivery) Reader {
	t.Helper()
	all := d.Readers(env)
	if len(all) != 1 {
		t.Fatalf("%d readers: %+v", len(all), all)
	}
	return all[0]
}

func TestReadersTellHowFarTheyAre(t *testing.T) {
	streams := map[string]func(testing.TB, *Delivery) Stream{
		"server": func(t testing.TB, d *Delivery) Stream {
			s, err := d.Subscribe(t.Context(), env, "")
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		"client": func(t testing.TB, d *Delivery) Stream {
			c, err := d.Connect(t.Context(), env, user("u1"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			return c
		},
		"ping": func(t testing.TB, d *Delivery) Stream {
			p, err := d.Ping(t.Context(), env)
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
	for name, open := range streams {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newMemoryLog()
				l.commit(define(boolFlag(t, "checkout", 1, true)))
				d := New(l, Options{Log: quiet()})
				defer d.Close()
				s := open(t, d)
				began := time.Now()
				leave := d.Attend(Peer{Side: ServerSide, Name: "GoClient", Version: "7.1", Address: "10.0.0.1"}, s)
				want := func(what string, state ReaderState, rev segment.Revision, behind uint64, lag time.Duration) {
					t.Helper()
					synctest.Wait()
					got := only(t, d)
					if got.State != state || got.Revision != rev || got.LagRevisions != behind || got.Lag != lag {
						t.Errorf("%s: %+v", what, got)
					}
					if !got.Since.Equal(began) || got.Name != "GoClient" || got.Count != 1 {
						t.Errorf("%s: %+v", what, got)
					}
				}
				time.Sleep(2 * time.Second)
				want("nothing was written", Behind, 0, 1, 2*time.Second)
				drained(t, s)
				want("all is written", Current, 1, 0, 0)
				l.commit(segment.Entry{})
				want("what nobody sees", Current, 2, 0, 0)
				l.commit(define(boolFlag(t, "checkout", 2, false)))
				time.Sleep(500 * time.Millisecond)
				// Client-side streams stand where they looked last, also if nothing was for them since.
				stands := segment.Revision(1)
				if name == "server" {
					stands = 2
				}
				want("a change waits", Current, stands, uint64(3-stands), 500*time.Millisecond)
				time.Sleep(time.Second)
				want("it waits long", Behind, stands, uint64(3-stands), 1500*time.Millisecond)
				drained(t, s)
				want("it is written", Current, 3, 0, 0)
				l.fail(errors.New("disk on fire"))
				synctest.Wait()
				time.Sleep(2 * time.Second)
				want("the log can't be read", Failed, 3, 0, 2*time.Second)
				leave()
				if left := d.Readers(env); len(left) != 0 {
					t.Errorf("%+v after it left", left)
				}
			})
		})
	}
}

func TestManyReadersAreSummed(t *testing.T) {
	l := newMemoryLog()
	l.commit(define(boolFlag(t, "checkout", 1, true)))
	d := open(t, l, Options{})
	for i := range maxReaders + 1 {
		s, err := d.Subscribe(t.Context(), env, "")
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			drained(t, s)
		}
		t.Cleanup(d.Attend(Peer{Side: ServerSide, Name: "GoClient", Version: fmt.Sprint(i % 2), Address: fmt.Sprint(i)}, s))
	}
	p, err := d.Ping(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Attend(Peer{Side: ClientSide, Name: "JSClient", Address: "here"}, p))
	sums := map[Peer]Reader{}
	for _, r := range d.Readers(env) {
		sums[r.Peer] = r
	}
	even, odd := sums[Peer{Side: ServerSide, Name: "GoClient", Version: "0"}], sums[Peer{Side: ServerSide, Name: "GoClient", Version: "1"}]
	browser := sums[Peer{Side: ClientSide, Name: "JSClient", Address: "here"}]
	if len(sums) != 3 || even.Count != 51 || odd.Count != 50 || browser.Count != 1 || even.ID != 0 || browser.ID == 0 {
		t.Errorf("%+v", sums)
	}
	if even.Revision != 0 || even.LagRevisions != 1 || odd.Revision != 1 || odd.LagRevisions != 0 {
		t.Errorf("the one that is furthest behind does not stand for all: %+v, %+v", even, odd)
	}
}
