package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/catalog"
	"muster/internal/policy"
	"muster/internal/seal"
	"muster/internal/store"
)

const url = "http://hooks.test/a?token=hidden"

// status answers with a status and a text.
func status(code int, text string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(code)
		_, _ = io.WriteString(rw, text)
	}
}

func TestAWebhookIsToldInOrderOfWhatIsWrittenOnceItIsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.receiver("hooks.test:80", nil)
		w.entries("before")
		id := w.hook(url)
		w.entries("one", "two", "three")
		synctest.Wait()
		r.want(t, "one", "two", "three")
		if st := w.status(id); st.Delivered != 3 || st.Failed+st.GivenUp+st.LagEntries != 0 || st.Lag != 0 || st.Failing {
			t.Errorf("status %+v", st)
		}
	})
}

func TestWhatIsSentIsSignedWithTheSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		signed, plain := w.receiver("signed.test:80", nil), w.receiver("plain.test:80", nil)
		w.hook("http://signed.test/", w.secret("s3cret ü"))
		w.hook("http://plain.test/")
		w.entries("one")
		synctest.Wait()
		signed.want(t, "one")
		plain.want(t, "one")
		got := signed.got()[0]
		mac := hmac.New(sha256.New, []byte("s3cret ü"))
		mac.Write([]byte(got.body))
		if want := hex.EncodeToString(mac.Sum(nil)); got.header.Get("X-LD-Signature") != want {
			t.Errorf("signature %q, want %s", got.header.Get("X-LD-Signature"), want)
		}
		if got.header.Get("Content-Type") != "application/json" || got.header.Get("User-Agent") != "muster/test" {
			t.Errorf("headers %v", got.header)
		}
		if signature, ok := plain.got()[0].header["X-Ld-Signature"]; ok {
			t.Errorf("without a secret there is a signature %s", signature)
		}
	})
}

func TestAnEntryIsTriedWithGrowingPausesForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var down atomic.Bool
		down.Store(true)
		r := w.receiver("hooks.test:80", func(_ int, rw http.ResponseWriter, _ *http.Request) {
			if down.Load() {
				status(503, "over\x00loaded\n\n"+strings.Repeat("ü", 1000))(0, rw, nil)
			}
		})
		id := w.hook(url)
		w.entries("lost", "kept")
		time.Sleep(30 * time.Minute)
		if st := w.status(id); !st.Failing || st.Lag != 30*time.Minute || st.LagEntries != 2 {
			t.Errorf("after half an hour: %+v", st)
		}
		for len(r.names()) == 0 || r.names()[len(r.names())-1] == "lost" {
			time.Sleep(time.Second)
		}
		given := w.sender.Deliveries(id)[1]
		if given.Error[:26] != "answered 503: over loaded " || len([]rune(given.Error)) > 140 || !given.GivenUp || given.Status != 503 {
			t.Errorf("the last attempt: %+v", given)
		}
		if n := given.Attempt; n < 12 || n > 25 {
			t.Errorf("%d attempts in an hour", n)
		}
		began := r.got()[0].at
		for i, g := range r.got()[1:given.Attempt] {
			pause, most := g.at.Sub(r.got()[i].at), min(10*time.Minute, time.Second<<min(i, 20))
			if pause < most/2 || pause > most {
				t.Errorf("pause %d is %s, want %s to %s", i+1, pause, most/2, most)
			}
			if g.at.Sub(began) > time.Hour {
				t.Errorf("attempt %d is %s after the first", i+2, g.at.Sub(began))
			}
		}
		down.Store(false)
		time.Sleep(10 * time.Minute)
		if names := r.names(); names[len(names)-1] != "kept" {
			t.Errorf("the receiver got %q", names)
		}
		if st := w.status(id); st.Delivered != 1 || st.GivenUp != 1 || st.Failing || st.LagEntries != 0 || st.Lag != 0 {
			t.Errorf("at the end: %+v", st)
		}
		if log := w.log.String(); strings.Count(log, "gives up") != 1 || !strings.Contains(log, string(given.Entry)) || strings.Contains(log, "hidden") {
			t.Errorf("log:\n%s", log)
		}
	})
}

func TestAnEntryThatIsRefusedIsSentTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		other := w.receiver("other.test:80", nil)
		r := w.receiver("hooks.test:80", func(n int, rw http.ResponseWriter, req *http.Request) {
			switch n {
			case 1, 2:
				status(400, "no")(n, rw, req)
			case 3, 4:
				http.Redirect(rw, req, "http://other.test/", http.StatusFound)
			}
		})
		id := w.hook(url)
		w.entries("bad", "moved", "good")
		time.Sleep(time.Minute)
		r.want(t, "bad", "bad", "moved", "moved", "good")
		other.want(t)
		if st := w.status(id); st.Delivered != 1 || st.GivenUp != 2 || st.Failed != 4 {
			t.Errorf("status %+v", st)
		}
		ds := w.sender.Deliveries(id)
		if ds[4].Error != "answered 400: no" || ds[4].GivenUp || !ds[3].GivenUp || ds[1].Error != "answered 302; redirects are not followed" || ds[0].Error != "" || ds[0].Status != 200 {
			t.Errorf("deliveries %+v", ds)
		}
	})
}

func TestAReceiverMaySayWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		after := []string{"100", "999999999999", "99999", "x", "-4"}
		r := w.receiver("hooks.test:80", func(n int, rw http.ResponseWriter, _ *http.Request) {
			if n <= len(after) {
				rw.Header().Set("Retry-After", after[n-1])
				rw.WriteHeader(429)
			}
		})
		w.hook(url)
		w.entries("one")
		time.Sleep(time.Hour)
		r.want(t, "one", "one", "one", "one", "one", "one")
		for i, want := range []time.Duration{100 * time.Second, 10 * time.Minute, 10 * time.Minute, 8 * time.Second, 16 * time.Second} {
			if pause := r.got()[i+1].at.Sub(r.got()[i].at); pause > want || pause < want/2 || i < 3 && pause != want {
				t.Errorf("pause %d is %s, want %s", i, pause, want)
			}
		}
	})
}

func TestAReceiverThatIsNotThereOrDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id := w.hook(url)
		w.entries("one")
		synctest.Wait()
		r := w.receiver("hooks.test:80", func(n int, _ http.ResponseWriter, req *http.Request) {
			if n == 1 {
				<-req.Context().Done()
			}
		})
		time.Sleep(time.Minute)
		r.want(t, "one", "one")
		ds := w.sender.Deliveries(id)
		if len(ds) != 3 || ds[2].Error != "dial hooks.test:80: connection refused" || ds[2].Status != 0 || ds[1].Error != "no answer within 10s" || ds[1].Took != 10*time.Second || ds[0].Error != "" {
			t.Errorf("deliveries %+v", ds)
		}
	})
}

func TestASlowReceiverDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.receiver("slow.test:80", func(_ int, _ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
		fast := w.receiver("hooks.test:80", nil)
		slow := w.hook("http://slow.test/")
		w.hook(url)
		began := time.Now()
		var want []string
		for i := range 50 {
			want = append(want, fmt.Sprint(i))
			w.entries(fmt.Sprint(i))
		}
		synctest.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("writing and telling took %s", took)
		}
		fast.want(t, want...)
		if st := w.status(slow); st.LagEntries != 50 || st.Delivered != 0 {
			t.Errorf("the slow one: %+v", st)
		}
	})
}

func TestStatementsSelectWhatIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		all, web, few := w.receiver("all.test:80", nil), w.receiver("web.test:80", nil), w.receiver("few.test:80", nil)
		w.hook("http://all.test/")
		id := w.hook("http://web.test/", func(h *catalog.Webhook) {
			h.Statements = []policy.Statement{{Effect: policy.Allow, Actions: []string{"*"}, Resources: []string{"proj/web"}}}
		})
		w.hook("http://few.test/", func(h *catalog.Webhook) { h.Account = false })
		w.entry("1", "web")
		w.entry("2", "mobile")
		w.entry("3", "")
		w.entry("4", "web")
		synctest.Wait()
		// The receivers are told by name; the entries that create the webhooks are not in this log.
		all.want(t, "1", "2", "3", "4")
		web.want(t, "1", "4")
		few.want(t, "1", "2", "4")
		if st := w.status(id); st.LagEntries != 0 {
			t.Errorf("what is not for it counts as lag: %+v", st)
		}
	})
}

func TestAWebhookThatWasOffGoesOnFromNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var down atomic.Bool
		down.Store(true)
		r := w.receiver("hooks.test:80", func(_ int, rw http.ResponseWriter, _ *http.Request) {
			if down.Load() {
				rw.WriteHeader(500)
			}
		})
		id := w.hook(url)
		w.entries("one")
		synctest.Wait()
		w.change(id, func(h *catalog.Webhook) { h.On = false })
		down.Store(false)
		w.entries("two")
		time.Sleep(time.Hour)
		r.want(t, "one")
		if st := w.status(id); st.Failing || st.LagEntries != 0 || st.Lag != 0 {
			t.Errorf("off: %+v", st)
		}
		w.change(id, func(h *catalog.Webhook) { h.On = true })
		w.entries("three")
		synctest.Wait()
		r.want(t, "one", "three")
	})
}

func TestAWebhookThatWasOffForAMomentForgetsWhatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.receiver("hooks.test:80", func(n int, rw http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				rw.WriteHeader(500)
			}
		})
		id := w.hook(url)
		w.entries("one")
		synctest.Wait()
		w.change(id, func(h *catalog.Webhook) { h.Since = w.store.AuditHead() }) // as off and on at once leave it
		w.entries("two")
		time.Sleep(time.Minute)
		r.want(t, "one", "two")
	})
}

func TestNoDeliveryMeetsAReceiverThatClosesAnIdleConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.receiver("hooks.test:80", nil)
		w.hook(url)
		for _, name := range []string{"one", "two", "three"} {
			w.entries(name)
			if name == "two" { // most close after five seconds
				time.Sleep(4 * time.Second)
			}
			synctest.Wait()
		}
		r.want(t, "one", "two", "three")
		if n := r.connections.Load(); n != 2 {
			t.Errorf("%d connections; one serves two deliveries at once, and none after four idle seconds", n)
		}
	})
}

func TestAChangeCountsForTheEntryThatIsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		wrong, right := w.receiver("wrong.test:80", status(500, "")), w.receiver("right.test:80", nil)
		id := w.hook("http://wrong.test/")
		w.entries("one", "two")
		time.Sleep(5 * time.Minute)
		tried := len(wrong.names())
		w.change(id, func(h *catalog.Webhook) { h.URL = "http://right.test/" })
		synctest.Wait()
		right.want(t, "one", "two")
		if n := len(wrong.names()); n != tried {
			t.Errorf("the old URL was called %d times more", n-tried)
		}
	})
}

func TestADeletedWebhookStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		cut := make(chan struct{})
		r := w.receiver("hooks.test:80", func(_ int, _ http.ResponseWriter, req *http.Request) {
			<-req.Context().Done()
			close(cut)
		})
		id := w.hook(url)
		w.entries("one", "two")
		synctest.Wait()
		began := time.Now()
		w.update(func(tx store.Tx) error { tx.DeleteWebhook(id); return nil })
		<-cut
		if time.Since(began) != 0 {
			t.Error("the request went on")
		}
		w.entries("three")
		time.Sleep(time.Hour)
		r.want(t, "one")
		if len(w.sender.Statuses()) != 0 || w.sender.Deliveries(id) != nil {
			t.Error("something is left of it")
		}
	})
}

func TestDeliveriesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.receiver("hooks.test:80", nil)
		id := w.hook(url)
		for i := range catalog.MaxDeliveries + 5 {
			w.entries(fmt.Sprint(i))
		}
		synctest.Wait()
		newest := w.sender.Deliveries(id)
		if len(newest) != catalog.MaxDeliveries || newest[0].Entry < newest[1].Entry {
			t.Fatalf("%d deliveries, newest %+v", len(newest), newest[0])
		}
		w.close(t.Context())
		w.open()
		if again := w.sender.Deliveries(id); len(again) != len(newest) || again[0].Entry != newest[0].Entry {
			t.Errorf("after a restart: %d deliveries", len(again))
		}
	})
}

func TestATestIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.receiver("hooks.test:80", func(n int, rw http.ResponseWriter, req *http.Request) {
			if n == 2 {
				status(500, "no")(n, rw, req)
			}
		})
		id := w.hook(url, func(h *catalog.Webhook) { h.On = false })
		h, _ := w.store.Webhook(id)
		for _, want := range []string{"", "answered 500: no"} {
			d, err := w.sender.Test(t.Context(), h, catalog.AuditEntry{ID: catalog.NewID(), Name: "test"})
			if err != nil || d.Error != want || d.GivenUp != (want != "") || d.Attempt != 0 {
				t.Errorf("%+v, %v; want %q", d, err, want)
			}
		}
		time.Sleep(time.Hour)
		r.want(t, "test", "test")
		if n := len(w.sender.Deliveries(id)); n != 2 {
			t.Errorf("%d deliveries are shown", n)
		}
	})
}

// TestNothingIsSentUnsignedThatShouldBeSigned: without its key a webhook stays where it is, however long
// that takes, and loses nothing.
func TestNothingIsSentUnsignedThatShouldBeSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.receiver("hooks.test:80", nil)
		id := w.hook(url, w.secret("s3cret"))
		right := w.keys
		for _, wrong := range []*seal.Keys{newKeys(t), seal.Without("this server has no secret key")} {
			w.close(t.Context())
			w.keys = wrong
			w.open()
			w.entries("one", "two")
			time.Sleep(3 * time.Hour)
			r.want(t)
			d := w.sender.Deliveries(id)[0]
			if !strings.Contains(d.Error, "nothing was sent: ") || !strings.Contains(d.Error, "key") || d.GivenUp || d.Status != 0 || d.Attempt < 10 {
				t.Errorf("the newest attempt is %+v", d)
			}
			if st := w.status(id); !st.Failing || st.GivenUp != 0 || st.LagEntries == 0 || st.Lag < 3*time.Hour {
				t.Errorf("status %+v", st)
			}
			h, _ := w.store.Webhook(id)
			if d, err := w.sender.Test(t.Context(), h, catalog.AuditEntry{ID: catalog.NewID()}); err != nil || !strings.Contains(d.Error, "nothing was sent: ") {
				t.Errorf("a test came to %+v, %v", d, err)
			}
		}
		w.close(t.Context())
		w.keys = right
		w.open()
		synctest.Wait()
		r.want(t, "one", "two", "one", "two")
		if strings.Contains(w.log.String(), "s3cret") {
			t.Errorf("the log: %s", &w.log)
		}
	})
}

// TestANewSecretEndsTheWait: and the receiver gets its whole hour.
func TestANewSecretEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var down atomic.Bool
		down.Store(true)
		r := w.receiver("hooks.test:80", func(n int, rw http.ResponseWriter, req *http.Request) {
			if down.Load() {
				status(503, "down")(n, rw, req)
			}
		})
		id := w.hook(url, func(h *catalog.Webhook) { h.Secret = seal.Sealed("in the clear") })
		w.entries("one")
		time.Sleep(3 * time.Hour)
		r.want(t)
		w.change(id, w.secret("new"))
		synctest.Wait()
		r.want(t, "one")
		if d := w.sender.Deliveries(id)[0]; d.GivenUp || d.Status != 503 {
			t.Errorf("the newest attempt is %+v", d)
		}
		down.Store(false)
		time.Sleep(time.Hour)
		if st := w.status(id); st.Delivered != 1 || st.GivenUp != 0 {
			t.Errorf("status %+v", st)
		}
		for _, got := range r.got() {
			if got.header.Get("X-LD-Signature") == "" {
				t.Error("something was sent unsigned")
			}
		}
	})
}
