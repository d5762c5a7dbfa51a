package api_test

import (
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"muster/internal/api"
)

// limitedAccount is an account whose clock stands still until it is moved.
func limitedAccount(t testing.TB, rates api.RateLimits) (*account, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := newAccount(t)
	a.api = api.New(a.rooms, api.Options{MaxImport: maxImport, Rates: rates}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	return a, &now
}

func TestRatesAreLimitedOnlyWhereAnOperatorWantsIt(t *testing.T) {
	a := newAccount(t)
	got := a.must(t, 200, "", "GET", "/limits", "")
	for name := range got.header {
		if strings.HasPrefix(name, "X-Ratelimit") {
			t.Errorf("the answer has %s", name)
		}
	}
	if strings.Contains(string(got.text), "rate-limit") {
		t.Error("a limit is shown that is off")
	}
}

func TestRequestsBeyondARateWaitForTheNextWindow(t *testing.T) {
	a, now := limitedAccount(t, api.RateLimits{All: 4, Route: 3})
	began := *now
	left := func(got reply) string {
		return got.header.Get("X-Ratelimit-Global-Remaining") + " " + got.header.Get("X-Ratelimit-Route-Remaining")
	}
	for i, want := range []string{"3 2", "2 1", "1 0"} {
		if got := a.must(t, 200, "", []string{"GET", "HEAD", "GET"}[i], "/versions", ""); left(got) != want {
			t.Errorf("request %d leaves %s, want %s", i, left(got), want)
		}
		*now = now.Add(time.Second)
	}
	refused := func(setting string, got reply) {
		t.Helper()
		got.want(t, "code", `"rate_limited"`)
		if !strings.Contains(got.str("message"), setting) || got.header.Get("Retry-After") != "8" {
			t.Errorf("Retry-After %s: %s", got.header.Get("Retry-After"), got.text)
		}
		reset, err := strconv.ParseInt(got.header.Get("X-Ratelimit-Reset"), 10, 64)
		if want := began.Add(api.RateWindow + 100*time.Millisecond).UnixMilli(); err != nil || reset != want {
			t.Errorf("reset at %d, want %d", reset, want)
		}
	}
	refused("(--route-rate-limit)", a.must(t, 429, "", "GET", "/versions", ""))
	// What was refused has used nothing up.
	if got := a.must(t, 200, "", "GET", "/account", ""); left(got) != "0 2" {
		t.Errorf("another route leaves %s", left(got))
	}
	refused("(--rate-limit)", a.must(t, 429, "", "GET", "/account", ""))

	// Nobody without a token is counted.
	a.as("").must(t, 200, "", "GET", "/", "")
	a.as("api-00000000-0000-4000-8000-000000000000").must(t, 401, "", "GET", "/versions", "")

	*now = began.Add(api.RateWindow - time.Millisecond)
	a.must(t, 429, "", "GET", "/account", "")
	*now = began.Add(api.RateWindow)
	if got := a.must(t, 200, "", "GET", "/versions", ""); left(got) != "3 2" {
		t.Errorf("the next window begins with %s", left(got))
	}
}

func TestTokensAreLimitedEachByItself(t *testing.T) {
	a, now := limitedAccount(t, api.RateLimits{All: 2})
	other := a.as(a.newToken(t, `{"name":"other","role":"reader"}`))
	a.must(t, 200, "", "GET", "/versions", "")
	a.must(t, 429, "", "GET", "/versions", "")
	if got := other.must(t, 200, "", "GET", "/versions", "").header; got.Get("X-Ratelimit-Global-Remaining") != "1" || got.Get("X-Ratelimit-Route-Remaining") != "" {
		t.Errorf("another token is told %v", got)
	}
	*now = now.Add(api.RateWindow)
	shown := string(a.must(t, 200, "", "GET", "/limits", "").text)
	if !strings.Contains(shown, `{"name":"maxRequestsPerWindow","value":2,"setting":"--rate-limit"}`) || strings.Contains(shown, "--route-rate-limit") {
		t.Errorf("the limits are %s", shown)
	}
}

func TestParallelRequestsNeverExceedARate(t *testing.T) {
	const limit = 50
	a, _ := limitedAccount(t, api.RateLimits{All: limit})
	var served atomic.Int64
	var group sync.WaitGroup
	for range 4 * limit {
		group.Go(func() {
			if a.call(t, "GET", "/versions", "").status == 200 {
				served.Add(1)
			}
		})
	}
	group.Wait()
	if n := served.Load(); n != limit {
		t.Errorf("%d were served, want %d", n, limit)
	}
}
