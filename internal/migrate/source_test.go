package migrate_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/internal/migrate"
)

// The source's limit is obeyed as LaunchDarkly states it: nothing is asked before the moment that
// X-Ratelimit-Reset names, and what was refused is asked again.
func TestTheLimitOfTheSourceIsObeyed(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	f := newFront(t, from.url)
	var until time.Time
	asked, limited := 0, 0
	f.before = func(w http.ResponseWriter, _ *http.Request) bool {
		now := time.Now()
		if now.Before(until) {
			t.Errorf("a request came %v before the limit was over", until.Sub(now))
		}
		if asked++; asked%4 != 0 {
			return false
		}
		limited++
		until = now.Add(50 * time.Millisecond).Truncate(time.Millisecond)
		w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(until.UnixMilli(), 10))
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	report, said := carry(t, options(t, f.url, to.url, nil))
	if !report.Complete() {
		t.Errorf("not complete:\n%s", said)
	}
	if limited < 3 {
		t.Errorf("the source refused %d times", limited)
	}
	if a, b := from.definitions("production"), to.definitions("production"); a != b {
		t.Errorf("SDKs see\n%s\nwant\n%s", b, a)
	}
}

func TestALimitThatIsTooLongEndsTheRun(t *testing.T) {
	to := newServer(t, musterToken)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7200")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer s.Close()
	_, err := migrate.Run(t.Context(), options(t, s.URL, to.url, new(bytes.Buffer)))
	if err == nil || !strings.Contains(err.Error(), "asks to wait 2h0m0s") {
		t.Errorf("it ends with %v", err)
	}
}

func TestASourceThatFailsForAMomentIsAskedAgain(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	f := newFront(t, from.url)
	failed := false
	f.before = func(w http.ResponseWriter, _ *http.Request) bool {
		if failed {
			return false
		}
		failed = true
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	if report, said := carry(t, options(t, f.url, to.url, nil)); !report.Complete() || !failed {
		t.Errorf("not complete:\n%s", said)
	}
}

func TestAWrongAddressIsToldAtOnce(t *testing.T) {
	to := newServer(t, musterToken)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer page.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for address, want := range map[string]string{
		gone.URL: "can't reach the source at", page.URL: "check its address", "ldap://host": "is no address of the source",
	} {
		o := options(t, address, to.url, new(bytes.Buffer))
		o.Wait = func(why string) { t.Errorf("it waits: %s", why) }
		if _, err := migrate.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s ends with %v, want %q", address, err, want)
		}
	}
}

func TestEitherSideSeesItsOwnCredentialsOnly(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	var env struct{ APIKey, MobileKey string }
	from.call("GET", "/projects/shop/environments/production", "", &env)
	source, target := newFront(t, from.url), newFront(t, to.url)
	_, said := carry(t, options(t, source.url, target.url, nil))
	for _, request := range source.seen {
		if strings.Contains(request, musterToken) {
			t.Errorf("the source was told muster's token:\n%s", request)
		}
	}
	for _, request := range target.seen {
		for _, secret := range []string{sourceToken, env.APIKey, env.MobileKey} {
			if strings.Contains(request, secret) {
				t.Errorf("muster was told a credential of the source:\n%s", request)
			}
		}
	}
	for _, secret := range []string{sourceToken, musterToken, env.APIKey, env.MobileKey} {
		if strings.Contains(said, secret) {
			t.Errorf("it said a credential:\n%s", said)
		}
	}
	if len(source.seen) < 10 || len(target.seen) < 10 {
		t.Errorf("%d requests to the source and %d to muster were seen", len(source.seen), len(target.seen))
	}
}

// A source that sends its client elsewhere does not get the client to take the token there.
func TestTheTokenStaysWithTheSource(t *testing.T) {
	to := newServer(t, musterToken)
	told := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told++ }))
	defer elsewhere.Close()
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
		}, "it has moved to " + elsewhere.URL},
		{"a next page", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"items":[],"_links":{"next":{"href":"` + elsewhere.URL + `/api/v2/projects?offset=20"}}}`))
		}, "its credential is not sent there"},
		{"a message that repeats the token", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"message":"unknown token ` + r.Header.Get("Authorization") + `"}`))
		}, "unknown token … (401); check --from-token or MUSTER_FROM_TOKEN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(tt.answer)
			defer s.Close()
			var said bytes.Buffer
			o := options(t, s.URL, to.url, &said)
			o.Projects, o.Roles = nil, false
			report, err := migrate.Run(t.Context(), o)
			whole := said.String()
			if err != nil {
				whole += err.Error()
			}
			if err == nil && report.Complete() || !strings.Contains(whole, tt.want) || strings.Contains(whole, sourceToken) {
				t.Errorf("it says %q, want %q", whole, tt.want)
			}
		})
	}
	if told > 0 {
		t.Errorf("another server was asked %d times", told)
	}
}

func TestWhatMusterDoesNotTakeIsInNobodysWay(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	f := newFront(t, from.url)
	f.after = func(res *http.Response) error {
		if res.Request.URL.Path != "/sdk/latest-all" {
			return nil
		}
		return rewrite(res, func(text []byte) []byte {
			return bytes.Replace(text, []byte(`"attribute":"plan","op":"in"`), []byte(`"attribute":"plan","op":"resembles"`), 1)
		})
	}
	report, said := carry(t, options(t, f.url, to.url, nil))
	if report.Complete() || !strings.Contains(said, "failed   flag configuration shop/production/price: ") || strings.Count(said, "failed  ") != 1 {
		t.Errorf("it says\n%s", said)
	}
	for _, key := range []string{"plain", "colour", "layout"} {
		if a, b := lasting(t, from, "/flags/shop/"+key), lasting(t, to, "/flags/shop/"+key); a != b {
			t.Errorf("flag %s is\n%s\nwant\n%s", key, b, a)
		}
	}
	f.mu.Lock()
	f.after = nil
	f.mu.Unlock()
	if report, said = carry(t, options(t, f.url, to.url, nil)); !report.Complete() {
		t.Errorf("when the source is repaired it says\n%s", said)
	}
}

// Old definitions have rules without ids, which muster gives them.
func TestRulesWithoutIdsAreDescribedInTheirOrder(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	f := newFront(t, from.url)
	f.after = func(res *http.Response) error {
		if res.Request.URL.Path != "/sdk/latest-all" {
			return nil
		}
		return rewrite(res, func(text []byte) []byte {
			return regexp.MustCompile(`"id":"[^"]*"`).ReplaceAll(text, []byte(`"id":""`))
		})
	}
	for run := range 2 {
		report, said := carry(t, options(t, f.url, to.url, nil))
		if !report.Complete() || run == 1 && objects(said) != "" {
			t.Errorf("run %d says\n%s", run, said)
		}
	}
	var staff, plain struct {
		Rules        []struct{ Description string }
		Environments struct {
			Production struct {
				Rules []struct{ Description string }
			}
		}
	}
	to.call("GET", "/segments/shop/production/staff", "", &staff)
	to.call("GET", "/flags/shop/plain", "", &plain)
	if got := staff.Rules[0].Description; got != "by address" {
		t.Errorf("the rule of the segment is described as %q", got)
	}
	var got []string
	for _, r := range plain.Environments.Production.Rules {
		got = append(got, r.Description)
	}
	if want := []string{"the staff", "switched off", ""}; !slices.Equal(got, want) {
		t.Errorf("the rules of the flag are described as %q, want %q", got, want)
	}
}

func TestASourceThatShowsLittle(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	var made struct{ Token string }
	from.call("POST", "/tokens", `{"name":"little","serviceToken":true,"inlineRole":[{"effect":"allow","resources":["proj/shop"],"actions":["viewProject"]}]}`, &made)
	o := options(t, from.url, to.url, nil)
	o.FromToken = made.Token
	report, said := carry(t, o)
	if report.Complete() {
		t.Errorf("it is complete:\n%s", said)
	}
	for _, line := range []string{
		"failed   environment shop/production: the source's token may not see its SDK key",
		"made     flag shop/plain",
	} {
		if !strings.Contains(said, line) {
			t.Errorf("it does not say %q:\n%s", line, said)
		}
	}
}

func TestMusterNeedsAnAdministrator(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	o := options(t, from.url, to.url, new(bytes.Buffer))
	o.Token = "api-99999999-2222-4333-8444-555555555555"
	if _, err := migrate.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "check --token or MUSTER_TOKEN") {
		t.Errorf("it ends with %v", err)
	}
}

// LaunchDarkly pages its lists; so does muster, and the pages are small here.
func TestEveryPageIsRead(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	from.call("POST", "/projects", `{"key":"shop","name":"Shop","environments":[{"key":"production","name":"Production"}]}`, nil)
	for n := range 230 {
		from.call("POST", "/flags/shop", `{"key":"f`+strconv.Itoa(n)+`","name":"F"}`, nil)
	}
	for n := range 60 {
		from.call("POST", "/segments/shop/production", `{"key":"s`+strconv.Itoa(n)+`","name":"S"}`, nil)
	}
	report, said := carry(t, options(t, from.url, to.url, nil))
	if !report.Complete() {
		t.Fatalf("not complete:\n%s", said)
	}
	var flags, segments struct{ TotalCount int }
	to.call("GET", "/flags/shop?limit=1", "", &flags)
	to.call("GET", "/segments/shop/production?limit=1", "", &segments)
	if flags.TotalCount != 230 || segments.TotalCount != 60 {
		t.Errorf("%d flags and %d segments arrived", flags.TotalCount, segments.TotalCount)
	}
}

// What LaunchDarkly shows differs from what muster shows: members that are empty, absent or null, and
// members that muster has no word for.
func TestARepresentationInAnotherForm(t *testing.T) {
	from, to := newServer(t, sourceToken), newServer(t, musterToken)
	shop(from)
	f := newFront(t, from.url)
	f.after = func(res *http.Response) error {
		if !strings.HasPrefix(res.Request.URL.Path, "/api/v2/") {
			return nil
		}
		return rewrite(res, func(text []byte) []byte { return otherwise(t, text) })
	}
	for run := range 2 {
		report, said := carry(t, options(t, f.url, to.url, nil))
		if !report.Complete() || run == 1 && objects(said) != "" {
			t.Errorf("run %d says\n%s", run, said)
		}
	}
	if a, b := lasting(t, from, "/flags/shop/plain"), lasting(t, to, "/flags/shop/plain"); a != b {
		t.Errorf("the flag is\n%s\nwant\n%s", b, a)
	}
}

// otherwise adds to every object of an answer what muster does not know and leaves out what is empty.
func otherwise(t *testing.T, text []byte) []byte {
	var whole any
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Error(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				walk(member)
				if list, ok := member.([]any); ok && len(list) == 0 && name != "items" && name != "policy" {
					v[name] = nil
				}
			}
			if tags, ok := v["tags"].([]any); ok && len(tags) > 1 {
				tags[0], tags[1] = tags[1], tags[0]
			}
			if v["key"] != nil && v["name"] != nil {
				v["_access"], v["_maintainer"] = map[string]any{"denied": []any{}}, map[string]any{"email": "ann@example.com"}
				v["maintainerId"], v["experiments"] = "0123456789abcdef01234567", map[string]any{"items": []any{}}
			}
		case []any:
			for _, member := range v {
				walk(member)
			}
		}
	}
	walk(whole)
	text, err := json.Marshal(whole)
	if err != nil {
		t.Error(err)
	}
	return text
}
