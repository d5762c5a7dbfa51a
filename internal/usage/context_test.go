package usage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/internal/catalog"
	"muster/internal/store"
	"muster/internal/usage"
)

// remember sets whether the environment remembers contexts.
func (w *world) remember(yes bool) {
	w.t.Helper()
	e := w.env.Clone()
	e.RecordContexts = yes
	e.Version++
	w.update(func(tx store.Tx) { tx.PutEnvironment(e) })
	w.env = e
}

func (w *world) wantContexts(want ...string) {
	w.t.Helper()
	w.settle()
	got := []string{}
	for _, c := range w.usage.Contexts(w.env, func(usage.SeenContext) bool { return true }) {
		got = append(got, fmt.Sprintf("%s:%s %s %d %s", c.Kind, c.Key, c.Last.UTC().Format("15:04"), c.Count, c.SDK.Name))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		w.t.Errorf("contexts %q, want %q", got, want)
	}
}

const severalContexts = `[
	{"kind":"index","context":{"kind":"user","key":"ann","email":"ann@x.test","_meta":{"redactedAttributes":["name"]}}},
	{"kind":"custom","key":"clicked","context":{"kind":"multi","user":{"key":"ann"},"org":{"key":"acme","size":7}}},
	{"kind":"identify","user":{"key":"old","custom":{"a":1}}},
	{"kind":"index","context":{"key":"legacy"}},
	{"kind":"index","context":{"kind":"not a kind","key":"x"}},
	{"kind":"index","context":{"kind":"user","key":""}},
	{"kind":"index","context":{"kind":"user","key":7}},
	{"kind":"index","context":"ann"},{"kind":"index","context":{"kind":"multi","user":"ann","org":{}}}]`

func TestContextsAreForgottenUnlessTheEnvironmentAsksForThem(t *testing.T) {
	w := newWorld(t)
	w.send(severalContexts)
	w.wantContexts()
	w.open()
	w.remember(true)
	w.send(severalContexts)
	w.settle()
	if got := len(w.usage.Contexts(w.env, func(c usage.SeenContext) bool { return c.Kind == "org" && c.Key == "acme" })); got != 1 {
		t.Errorf("%d contexts are acme", got)
	}
	if n := w.usage.ContextCount(envID); n != 4 {
		t.Errorf("%d contexts are remembered", n)
	}
	w.open()
	w.now = noon.Add(time.Hour)
	w.send(`[{"kind":"index","context":{"kind":"user","key":"ann"}}]`)
	w.wantContexts("user:ann 13:10 1 GoClient")
}

func TestSeenContextsAreKeptAndDroppedFromTheDisk(t *testing.T) {
	w := newWorld(t)
	w.remember(true)
	w.send(`[{"kind":"index","context":{"kind":"user","key":"ann"}}]`)
	w.now = noon.Add(time.Minute)
	w.send(`[{"kind":"index","context":{"kind":"user","key":"bob"}},{"kind":"index","context":{"kind":"user","key":"bob"}}]`)
	w.restart()
	w.wantContexts("user:bob 12:11 2 GoClient", "user:ann 12:10 1 GoClient")
	w.restart()
	for _, doc := range w.documents() {
		if strings.Contains(string(doc), "/context/") {
			w.remember(false)
		}
	}
	if w.env.RecordContexts {
		t.Fatal("contexts are not on the disk")
	}
	w.wantContexts()
	w.restart()
	for _, doc := range w.documents() {
		if strings.Contains(string(doc), "/context/") {
			t.Errorf("%s is still there", doc)
		}
	}
	w.remember(true)
	w.wantContexts() // what was forgotten does not come back
}

func TestSeenContextsAreBoundedAndTheOldestGiveWay(t *testing.T) {
	w := newWorld(t)
	w.remember(true)
	var body strings.Builder
	body.WriteString(`[{"kind":"index","context":{"kind":"user","key":"` + strings.Repeat("k", 257) + `"}}`)
	for i := range 10_001 {
		fmt.Fprintf(&body, `,{"kind":"index","context":{"kind":"user","key":"u%d"}}`, i)
	}
	w.send(body.String() + "]")
	w.now = noon.Add(time.Minute)
	w.send(`[{"kind":"index","context":{"kind":"user","key":"late"}}]`)
	w.settle()
	all := w.usage.Contexts(w.env, func(usage.SeenContext) bool { return true })
	if len(all) != 10_000 || all[0].Key != "late" || w.usage.ContextCount(envID) != 10_000 {
		t.Errorf("%d contexts, %+v first", len(all), all[0])
	}
}

func TestOneEnvironmentsFloodLeavesRoomForOthers(t *testing.T) {
	w := newWorld(t, "checkout")
	other := &catalog.Environment{ID: "65f000000000000000000002", Project: project, Key: "other", SDKKey: "sdk-2", MobileKey: "mob-2", Version: 1}
	w.update(func(tx store.Tx) { tx.PutEnvironment(other) })
	flood := make([]*usage.Body, 0, 100)
	for range 100 {
		b := w.usage.NewBody(w.env.ID)
		_, _ = b.Write(make([]byte, 1<<20))
		flood = append(flood, b)
	}
	if held := usage.Held(w.usage); held > 32<<20 {
		t.Errorf("one environment holds %d bytes", held)
	}
	b := w.usage.NewBody(other.ID)
	_, _ = b.Write([]byte(summary("checkout", served("0", 3)) + strings.Repeat(" ", 8<<20)))
	for _, f := range flood {
		w.usage.Take(usage.Report{Environment: w.env}, f)
	}
	w.usage.Take(usage.Report{Environment: other}, b)
	w.settle()
	if known, _ := w.usage.Totals(other.ID); known != 3 {
		t.Errorf("the other environment's report counts %d", known)
	}
	if held := usage.Held(w.usage); held != 0 {
		t.Errorf("%d bytes are held at the end", held)
	}
}
