package webhook_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// crash ends the process as kill -9 does and starts another on what was synced.
func (w *world) crash() {
	w.t.Helper()
	after := w.disk.CrashClone(vfs.CrashCloneCfg{})
	at, cancel := context.WithCancel(w.t.Context())
	cancel()
	w.close(at)
	w.disk = after
	w.open()
}

func TestNothingIsLostOverACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var down atomic.Bool
		r := w.receiver("hooks.test:80", func(_ int, rw http.ResponseWriter, _ *http.Request) {
			if down.Load() {
				rw.WriteHeader(500)
			}
		})
		id := w.hook(url)
		w.entries("one", "two")
		time.Sleep(2 * time.Second) // how far it has come is durable
		w.entries("three")
		synctest.Wait() // delivered, but that is not durable yet
		down.Store(true)
		w.entries("four", "five")
		synctest.Wait()
		w.crash()
		synctest.Wait()
		down.Store(false)
		time.Sleep(time.Minute)
		r.want(t, "one", "two", "three", "four", "three", "three", "four", "five")
		if st := w.status(id); st.Delivered != 3 || st.LagEntries != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestACrashAtAnyMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.receiver("hooks.test:80", func(n int, rw http.ResponseWriter, _ *http.Request) {
			if n%3 == 0 {
				rw.WriteHeader(502)
			}
		})
		w.hook(url)
		var want []string
		for i := range 40 {
			name := string(rune('A' + i))
			want = append(want, name)
			w.entries(name)
			time.Sleep(time.Duration(i*37%400) * time.Millisecond)
			if i%4 == 0 {
				w.crash()
			}
		}
		time.Sleep(time.Hour)
		// Each is sent at least once, and never before the one in front of it was.
		next := 0
		for _, name := range r.names() {
			for i, known := range want {
				if name == known && i > next {
					t.Fatalf("%s came before %s: %q", name, want[next], r.names())
				}
				if name == known && i == next {
					next++
				}
			}
		}
		if next != len(want) {
			t.Errorf("%s never came", want[next])
		}
	})
}

func TestAStopLetsAnAttemptComeToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.receiver("hooks.test:80", func(int, http.ResponseWriter, *http.Request) { time.Sleep(3 * time.Second) })
		w.hook(url)
		w.entries("one", "two")
		synctest.Wait()
		w.close(t.Context())
		r.want(t, "one")
		w.open()
		time.Sleep(time.Minute)
		r.want(t, "one", "two")
	})
}

func TestAStopDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.receiver("hooks.test:80", func(n int, _ http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				time.Sleep(9 * time.Second)
			}
		})
		id := w.hook(url)
		w.entries("one")
		synctest.Wait()
		began := time.Now()
		at, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		w.close(at)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("the stop took %s", took)
		}
		w.open()
		time.Sleep(time.Minute)
		r.want(t, "one", "one")
		if ds := w.sender.Deliveries(id); len(ds) != 1 {
			t.Errorf("an attempt that muster broke off counts: %+v", ds)
		}
	})
}
