package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// stalled is a client that takes nothing of an answer until it is let go.
type stalled struct {
	*httptest.ResponseRecorder
	began, letGo chan struct{}
	once         sync.Once
}

func (s *stalled) Write(b []byte) (int, error) {
	s.once.Do(func() { close(s.began) })
	<-s.letGo
	return s.ResponseRecorder.Write(b)
}

func TestFewDifferencesAreDownloadedAtOnce(t *testing.T) {
	a := bigAccount(t)
	a.must(t, 200, "Guard", "PATCH", listPath+"/guard", `{"minMembers":1}`)
	a.decided(t, a.load(t, "?mode=replace", "a\nb\n"))
	a.decided(t, a.load(t, "?mode=replace", "a\nb\nc\n"))
	held := a.decided(t, a.load(t, "?mode=replace", "a\n")).str("runId")
	point := a.must(t, 200, "", "GET", listPath+"/points", "").str("items.1._id")
	ask := func(method, path, body string) *http.Request {
		r := httptest.NewRequest(method, "/api/v2"+listPath+path, strings.NewReader(body))
		r.Header.Set("Authorization", a.token)
		r.Header.Set("Content-Type", "text/csv")
		return r
	}
	all := []func() *http.Request{
		func() *http.Request { return ask("GET", "/points/"+point+"/diff/file", "") },
		func() *http.Request { return ask("GET", "/runs/"+held+"/diff/file", "") },
		func() *http.Request { return ask("POST", "/imports/diff/file", "z\n") },
	}
	most := int(a.limit(t, "maxDifferencesAtOnce"))
	letGo := make(chan struct{})
	var done sync.WaitGroup
	var clients []*stalled
	for n := range most {
		c := &stalled{ResponseRecorder: httptest.NewRecorder(), began: make(chan struct{}), letGo: letGo}
		clients = append(clients, c)
		done.Go(func() { a.api.ServeHTTP(c, all[n%len(all)]()) })
		<-c.began
	}
	for _, request := range all {
		w := httptest.NewRecorder()
		a.api.ServeHTTP(w, request())
		if w.Code != 429 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "8 differences") {
			t.Errorf("one more: %d %v %s", w.Code, w.Header(), w.Body)
		}
	}
	a.must(t, 200, "", "GET", listPath+"/points/"+point+"/diff", "") // what is counted only is another matter
	close(letGo)
	done.Wait()
	for _, c := range clients {
		if c.Code != 200 || !strings.HasPrefix(c.Body.String(), "change,key,hash\n") {
			t.Errorf("a slow client got %d %s", c.Code, c.Body)
		}
	}
	for _, request := range all {
		w := httptest.NewRecorder()
		a.api.ServeHTTP(w, request())
		if w.Code != 200 {
			t.Errorf("after all of them: %d %s", w.Code, w.Body)
		}
	}
}

// limit returns a limit that the API shows.
func (a *account) limit(t testing.TB, name string) float64 {
	t.Helper()
	shown := a.must(t, 200, "", "GET", "/limits", "")
	items, _ := shown.at("items").([]any)
	for _, item := range items {
		if one, _ := item.(map[string]any); one["name"] == name {
			value, _ := one["value"].(float64)
			return value
		}
	}
	t.Fatalf("there is no limit %s", name)
	return 0
}
