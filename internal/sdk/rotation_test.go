package sdk_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/sdk"
)

func TestStreamsOfARevokedCredentialEndAtOnce(t *testing.T) {
	revoke := map[string]func(*catalog.Environment){
		"SDK key":        func(e *catalog.Environment) { e.SDKKey = "sdk-new" },
		"older SDK key":  func(e *catalog.Environment) { e.ExpiringSDKKeys = nil },
		"mobile key":     func(e *catalog.Environment) { e.MobileKey = "mob-new" },
		"client-side ID": nil, // goes with its environment
	}
	for _, tt := range []struct{ kind, path, key string }{
		{"SDK key", "/all", sdkKey},
		{"SDK key", "/sdk/stream", sdkKey},
		{"older SDK key", "/all", oldKey},
		{"older SDK key", "/sdk/stream", oldKey},
		{"mobile key", "/meval/" + contextPath("u1"), mobKey},
		{"mobile key", "/mping", mobKey},
		{"client-side ID", "/eval/" + string(envID) + "/" + contextPath("u1"), ""},
		{"client-side ID", "/ping/" + string(envID), ""},
	} {
		t.Run(tt.kind+" of "+tt.path, func(t *testing.T) {
			w := newWorld(t, delivery.Options{}, sdk.Options{PingPause: time.Nanosecond})
			l := w.listen("GET", tt.path, "", "Authorization", tt.key)
			l.event()
			if change := revoke[tt.kind]; change != nil {
				w.putEnvironment(change)
			} else {
				w.deleteEnvironment()
			}
			said := ""
			for {
				event, err := l.next()
				if err != nil {
					break
				}
				said += event + "\n"
			}
			if bye := strings.Contains(said, "event: goodbye"); bye != (tt.path == "/sdk/stream") {
				t.Errorf("before its end the stream said %s", said)
			}
			want := http.StatusUnauthorized
			if tt.key == "" {
				want = http.StatusNotFound // which client-side SDKs know an unknown ID by
			}
			if res, _ := w.ask("GET", tt.path, "", "Authorization", tt.key); res.StatusCode != want {
				t.Errorf("the next attempt is answered %s", res.Status)
			}
		})
	}
}

// listenUntil opens a stream with a key that expires after a time, after a longer one if the machine is too busy to
// read its first event before that.
func (w *world) listenUntil(path string, after time.Duration) (l *listener, expiry time.Time) {
	w.t.Helper()
	for ; ; after *= 2 {
		expiry = time.Now().Add(after)
		w.expireAt(expiry)
		res := w.open("GET", path, "", "Authorization", oldKey)
		l = &listener{t: w.t, in: bufio.NewReader(res.Body), res: res}
		if _, err := l.next(); res.StatusCode == http.StatusOK && err == nil && time.Now().Before(expiry) {
			return l, expiry
		}
	}
}

// expireAt says when the older SDK key expires.
func (w *world) expireAt(at time.Time) {
	w.t.Helper()
	w.putEnvironment(func(e *catalog.Environment) { e.ExpiringSDKKeys = []catalog.ExpiringKey{{Key: oldKey, Expiry: at}} })
}

func TestAnExpiringKeyWorksUntilItsTimeAndIsTold(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	l, expiry := w.listenUntil("/sdk/stream", 500*time.Millisecond)
	if got := l.res.Header.Get("Sunset"); got != expiry.UTC().Format(http.TimeFormat) {
		t.Errorf("the end of the key is told as %q", got)
	}
	if res, _ := w.ask("GET", "/sdk/latest-all", "", "Authorization", sdkKey); res.Header.Get("Sunset") != "" {
		t.Error("the present key is said to end")
	}
	said := ""
	for {
		event, err := l.next()
		if err != nil {
			break
		}
		said += event + "\n"
	}
	if time.Now().Before(expiry) {
		t.Error("the stream ended before its key did")
	}
	if !strings.Contains(said, `"reason":"the SDK key has expired","silent":false`) {
		t.Errorf("the stream said %s", said)
	}
	if res, _ := w.ask("GET", "/sdk/poll", "", "Authorization", oldKey); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the expired key is answered %s", res.Status)
	}
}

func TestAKeyThatIsGivenMoreTimeGoesOn(t *testing.T) {
	w := newWorld(t, delivery.Options{}, sdk.Options{})
	var l *listener
	var first time.Time
	for after := 300 * time.Millisecond; !time.Now().Before(first); after *= 2 { // until it is in time
		l, first = w.listenUntil("/all", after)
		w.expireAt(time.Now().Add(time.Hour))
	}
	for version, past := 1, false; !past; version++ {
		past = time.Now().After(first.Add(100 * time.Millisecond))
		w.putPlain("checkout", version, nil)
		if event := l.event(); !strings.Contains(event, "/flags/checkout") {
			t.Fatalf("got %s", event)
		}
	}
}

func TestWhoReadsIsToldApart(t *testing.T) {
	w := plainWorld(t)
	w.listen("GET", "/all", "", "Authorization", sdkKey, "User-Agent", "GoClient/7.14.6 LDRelay/8.10.1").event()
	w.listen("GET", "/all", "", "Authorization", sdkKey, "User-Agent", "GoClient/7.14.6").event()
	w.listen("GET", "/mping", "", "Authorization", mobKey, "User-Agent", "AndroidClient/5.0.0").event()
	w.ask("GET", "/sdk/latest-all", "", "Authorization", sdkKey, "User-Agent", "PHPClient/6.1.0")
	w.ask("GET", "/msdk/evalx/contexts/"+contextPath("u1"), "", "Authorization", mobKey, "User-Agent", "Mozilla/5.0 (X11)", "X-LaunchDarkly-User-Agent", "JSClient/3.4.0")
	got := map[string]bool{}
	for _, r := range w.delivery.Readers(envID) {
		got[string(r.Side)+" "+r.Name+" "+r.Version] = true
	}
	for _, want := range []string{"server LDRelay 8.10.1", "server GoClient 7.14.6", "client AndroidClient 5.0.0", "poll PHPClient 6.1.0", "poll JSClient 3.4.0"} {
		if !got[want] {
			t.Errorf("%s is not among %v", want, got)
		}
	}
	if len(got) != 5 {
		t.Errorf("%v", got)
	}
}
