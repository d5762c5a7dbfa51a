package usage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"go.uber.org/goleak"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
	"muster/internal/usage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	envID   segment.EnvID      = "65f000000000000000000001"
	project catalog.ProjectKey = "web"
	never                      = 24 * 365 * time.Hour
)

var noon = time.Date(2026, 3, 28, 12, 10, 0, 0, time.UTC)

var golang = usage.SDK{Name: "GoClient", Version: "7.14.6"}

// world is the usage of one environment over the real engine on a file system in memory.
type world struct {
	t     testing.TB
	store *engine.Engine
	env   *catalog.Environment
	now   time.Time
	usage *usage.Usage
	ended bool
}

func newWorld(t testing.TB, flags ...catalog.FlagKey) *world {
	t.Helper()
	silent := slog.New(slog.DiscardHandler)
	files, err := pebblestore.Open("data", vfs.NewMem(), silent, func(err error) { t.Errorf("disk failed: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.Open(t.Context(), files, files, engine.Options{Logger: silent})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, env: &catalog.Environment{ID: envID, Project: project, Key: "production", SDKKey: "sdk-1", MobileKey: "mob-1", Version: 1}, now: noon}
	t.Cleanup(func() {
		w.settle()
		if err := errors.Join(s.Close(), files.Close()); err != nil {
			t.Error(err)
		}
	})
	w.update(func(tx store.Tx) {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: project})
		tx.PutEnvironment(w.env)
		for _, key := range flags {
			tx.PutFlag(&catalog.Flag{
				Project: project, Key: key, Version: 1,
				Variations:   []catalog.Variation{{ID: catalog.NewUUID(), Value: ldvalue.Bool(true)}, {ID: catalog.NewUUID(), Value: ldvalue.Bool(false)}},
				Environments: map[catalog.EnvKey]*catalog.FlagConfig{"production": {Version: 1}},
			})
		}
	})
	w.open()
	return w
}

func (w *world) update(fn func(store.Tx)) {
	w.t.Helper()
	_, err := w.store.Update(context.Background(), store.Account, func(tx store.Tx) error { fn(tx); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

// open begins a usage like a process that starts.
func (w *world) open() {
	w.t.Helper()
	var err error
	w.usage, err = usage.New(context.Background(), w.store, func() time.Time { return w.now }, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.ended = false
}

// settle ends the usage, so that everything that was sent counts.
func (w *world) settle() {
	if !w.ended {
		w.usage.Close()
		w.ended = true
	}
}

// restart keeps everything and begins again.
func (w *world) restart() {
	w.t.Helper()
	w.settle()
	if err := w.usage.Keep(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func (w *world) report(r usage.Report, body string) {
	w.t.Helper()
	b := w.usage.NewBody(w.env.ID)
	if _, err := io.WriteString(b, body); err != nil {
		w.t.Fatal(err)
	}
	r.Environment = w.env
	w.usage.Take(r, b)
}

func (w *world) send(body string) { w.t.Helper(); w.report(usage.Report{SDK: golang}, body) }

// want checks all counts of a flag: lines of hour, variation and number.
func (w *world) want(key catalog.FlagKey, lines ...string) {
	w.t.Helper()
	w.settle()
	var got []string
	for _, c := range w.usage.Evaluations(envID, key, noon.Add(-never), noon.Add(never)) {
		got = append(got, fmt.Sprintf("%s %d %d", c.Hour.UTC().Format("02T15"), c.Variation, c.N))
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		w.t.Errorf("counts of %s:\n%s", key, diff)
	}
}

func (w *world) stats(want usage.Stats) {
	w.t.Helper()
	w.settle()
	got := w.usage.Stats()
	got.Bytes = 0
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("stats:\n%s", diff)
	}
}

// summary is a list of events of which one is a summary of one flag.
func summary(flag string, counters ...string) string {
	return fmt.Sprintf(`[{"kind":"index","creationDate":1,"context":{"kind":"user","key":"u"}},
		{"kind":"summary","startDate":1,"endDate":2,"features":{%q:{"default":false,"contextKinds":["user"],"counters":[%s]}}}]`, flag, strings.Join(counters, ","))
}

func served(variation string, count int) string {
	return fmt.Sprintf(`{"variation":%s,"version":3,"value":true,"count":%d}`, variation, count)
}

func TestSummariesAreCounted(t *testing.T) {
	w := newWorld(t, "checkout", "banner")
	w.send(summary("checkout", served("0", 12), served("1", 3), `{"unknown":true,"value":false,"count":1}`))
	w.send(summary("checkout", served("0", 5), served("7", 2)))
	w.send(summary("banner", served("1", 1)))
	w.send(summary("not-ours", served("0", 40)))
	w.want("checkout", "28T12 -1 3", "28T12 0 17", "28T12 1 3")
	w.want("banner", "28T12 1 1")
	w.want("not-ours")
	if known, unknown := w.usage.Totals(envID); known != 24 || unknown != 40 {
		t.Errorf("%d evaluations, and %d of unknown flags", known, unknown)
	}
	at, fallback := w.usage.LastEvaluated(envID, "checkout")
	if !at.Equal(noon) || fallback != "false" {
		t.Errorf("last evaluated %v with the default %q", at, fallback)
	}
}

func TestAPayloadCountsOnce(t *testing.T) {
	w := newWorld(t, "checkout")
	for range 3 {
		w.report(usage.Report{Payload: "p-1"}, summary("checkout", served("0", 12)))
	}
	w.report(usage.Report{Payload: "p-2"}, summary("checkout", served("0", 1)))
	w.want("checkout", "28T12 0 13")
	w.stats(usage.Stats{Received: 4, Repeated: 2})
}

func TestPayloadsAreForgottenInTheirOrder(t *testing.T) {
	w := newWorld(t, "checkout")
	for i := range 1<<16 + 1 {
		w.report(usage.Report{Payload: fmt.Sprint(i)}, `[]`)
	}
	before := w.usage.Stats().Repeated
	w.report(usage.Report{Payload: "1"}, `[]`)
	if got := w.usage.Stats().Repeated; got != before+1 {
		t.Errorf("%d repeats, want %d: the second is still remembered", got, before+1)
	}
	w.report(usage.Report{Payload: "0"}, `[]`)
	if got := w.usage.Stats().Repeated; got != before+1 {
		t.Errorf("%d repeats, want %d: the first gave way", got, before+1)
	}
}

func TestSingleEvaluationsCountWhereNobodySummarizes(t *testing.T) {
	const body = `[{"kind":"feature","key":"checkout","variation":1,"value":false,"default":true,"context":{"kind":"user","key":"u"}},{"kind":"feature","key":"checkout","variation":1}]`
	w := newWorld(t, "checkout")
	w.report(usage.Report{}, body)
	w.report(usage.Report{Unsummarized: true}, body)
	w.want("checkout", "28T12 1 2")
}

func TestWhatIsNoReportChangesNothing(t *testing.T) {
	good := summary("checkout", served("0", 12))
	tests := map[string]struct {
		body       string
		unreadable bool
	}{
		"nothing":                     {``, true},
		"garbage":                     {"\x00\xff\x1f\x8b", true},
		"a text":                      {`"summary"`, true},
		"a number":                    {`12`, true},
		"cut":                         {good[:len(good)-1], true},
		"two lists":                   {good + good, true},
		"garbage after a summary":     {strings.TrimSuffix(good, "]") + `,{]`, true},
		"very deep":                   {strings.Repeat("[", 1<<20), true},
		"deep in an event":            {`[{"kind":"summary","features":` + strings.Repeat(`{"a":`, 1<<18) + `1` + strings.Repeat("}", 1<<18) + `}]`, true},
		"no objects":                  {`[1,null,"x",[],{}]`, false},
		"a kind of another sort":      {`[{"kind":5}]`, false},
		"features of another sort":    {`[{"kind":"summary","features":[1,2]}]`, false},
		"no features":                 {`[{"kind":"summary"}]`, false},
		"a feature of another sort":   {`[{"kind":"summary","features":{"checkout":7}}]`, false},
		"counters of another sort":    {`[{"kind":"summary","features":{"checkout":{"counters":{"variation":0,"count":1}}}}]`, false},
		"a negative count":            {summary("checkout", served("0", -4)), false},
		"a count beyond all bounds":   {summary("checkout", served("0", 1<<62)), false},
		"a count that is no integer":  {summary("checkout", `{"variation":0,"count":"4"}`, `{"variation":0,"count":1e400}`), false},
		"a variation that is no one":  {summary("checkout", `{"variation":"0","count":4}`), false},
		"a kind that nobody knows":    {`[{"kind":"nova","features":{"checkout":{"counters":[{"variation":0,"count":1}]}}}]`, false},
		"features of unknown flags":   {`[{"kind":"summary","features":{` + strings.TrimSuffix(strings.Repeat(`"x":{"counters":[{"count":1}]},`, 50_000), ",") + `}}]`, false},
		"names that are broken UTF-8": {"[{\"kind\":\"summary\",\"features\":{\"\xff\xfe\":{\"default\":\"\xff\",\"counters\":[{\"count\":1}]}}}]", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "checkout")
			w.send(tt.body)
			w.want("checkout")
			want := usage.Stats{Received: 1}
			if tt.unreadable {
				want.Unreadable = 1
			}
			w.stats(want)
		})
	}
}

func TestADefaultThatIsNoJSONIsNotShown(t *testing.T) {
	w := newWorld(t, "checkout")
	w.send("[{\"kind\":\"summary\",\"features\":{\"checkout\":{\"default\":\"\xff\",\"counters\":[{\"variation\":0,\"count\":1}]}}}]")
	w.send(strings.Replace(summary("checkout", served("0", 1)), `"default":false`, `"default":"`+strings.Repeat("x", 2000)+`"`, 1))
	w.want("checkout", "28T12 0 2")
	if _, fallback := w.usage.LastEvaluated(envID, "checkout"); fallback != "" {
		t.Errorf("the default is %q", fallback)
	}
}
