package usage_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/catalog"
	"muster/internal/usage"
)

func TestSDKsThatReport(t *testing.T) {
	w := newWorld(t)
	node := usage.SDK{Name: "NodeJSClient", Version: "9.13.7"}
	const diagnostic = `{"kind":"diagnostic","id":{"diagnosticId":"%s"},"creationDate":1,"sdk":{"name":"go-server-sdk","version":"7.14.6"}}`
	for _, id := range []string{"a", "b", "a"} {
		w.report(usage.Report{SDK: golang}, fmt.Sprintf(diagnostic, id))
	}
	w.send(`[]`)
	w.now = noon.Add(time.Minute)
	for _, id := range []string{"1", "2", "3", "1"} {
		w.report(usage.Report{SDK: node, Instance: id}, fmt.Sprintf(diagnostic, "other"))
	}
	w.report(usage.Report{Instance: "nobody"}, `[]`)
	w.report(usage.Report{}, strings.Replace(fmt.Sprintf(diagnostic, "c"), "go-server-sdk", "go-from-a-diagnostic", 1))
	w.settle()
	want := []usage.SeenSDK{
		{SDK: golang, First: noon, Last: noon, Instances: 2},
		{SDK: node, First: noon.Add(time.Minute), Last: noon.Add(time.Minute), Instances: 3},
		{SDK: usage.SDK{Name: "go-from-a-diagnostic", Version: "7.14.6"}, First: noon.Add(time.Minute), Last: noon.Add(time.Minute), Instances: 1},
	}
	if diff := cmp.Diff(want, w.usage.SDKs(envID)); diff != "" {
		t.Error(diff)
	}
	w.now = noon.Add(25 * time.Hour)
	w.restart()
	for i := range want {
		want[i].Instances = 0 // they are remembered by the process only
	}
	if diff := cmp.Diff(want, w.usage.SDKs(envID)); diff != "" {
		t.Error(diff)
	}
}

func TestInstancesThatEndedCountNoMore(t *testing.T) {
	w := newWorld(t)
	w.report(usage.Report{SDK: golang, Instance: "old"}, `[]`)
	w.now = noon.Add(25 * time.Hour)
	w.report(usage.Report{SDK: golang, Instance: "new"}, `[]`)
	w.settle()
	if err := w.usage.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.usage.SDKs(envID); len(got) != 1 || got[0].Instances != 1 {
		t.Errorf("seen %+v", got)
	}
}

func TestSDKsAndInstancesAreBounded(t *testing.T) {
	w := newWorld(t)
	for i := range 12_000 {
		w.now = w.now.Add(time.Millisecond)
		w.report(usage.Report{SDK: usage.SDK{Name: "x", Version: fmt.Sprint(i % 1000)}, Instance: fmt.Sprint(i)}, `[]`)
		if i%500 == 0 { // so that nothing is dropped
			w.drain()
		}
	}
	w.settle()
	total := 0
	all := w.usage.SDKs(envID)
	for _, s := range all {
		total += s.Instances
	}
	if len(all) != 200 || total > 10_000 {
		t.Errorf("%d SDKs with %d instances are remembered", len(all), total)
	}
}

// drain waits until everything that was sent is read.
func (w *world) drain() {
	w.t.Helper()
	for began := time.Now(); usage.Waiting(w.usage) > 0; runtime.Gosched() {
		if time.Since(began) > 30*time.Second {
			w.t.Fatal("reports are never read")
		}
	}
}

func TestTooMuchIsDropped(t *testing.T) {
	w := newWorld(t, "checkout")
	bodies := make([]*usage.Body, 100) // of which each would have a megabyte
	for i := range bodies {
		bodies[i] = w.usage.NewBody(w.env.ID)
		for range 16 {
			_, _ = bodies[i].Write([]byte(strings.Repeat(" ", 1<<16)))
		}
	}
	if held := usage.Held(w.usage); held > 64<<20 {
		t.Errorf("%d bytes are held", held)
	}
	for _, b := range bodies {
		_, _ = io.WriteString(b, `[]`)
		w.usage.Take(usage.Report{Environment: w.env}, b)
	}
	w.settle()
	s := w.usage.Stats()
	if s.Received != 100 || s.Dropped == 0 || s.Dropped == 100 || s.Unreadable != 0 || s.Bytes != 100*(1<<20+2) {
		t.Errorf("%+v", s)
	}
	if held := usage.Held(w.usage); held != 0 {
		t.Errorf("%d bytes are held at the end", held)
	}
	w.open()
	w.send(summary("checkout", served("0", 1)))
	w.want("checkout", "28T12 0 1")
}

// Many flags in many hours: the oldest hours give way.
func TestCountsAreBounded(t *testing.T) {
	var keys []catalog.FlagKey
	for i := range 5_000 {
		keys = append(keys, catalog.FlagKey(fmt.Sprintf("f-%04d", i)))
	}
	w := newWorld(t, keys...)
	var body strings.Builder
	body.WriteString(`[{"kind":"summary","features":{"":{}`)
	for _, key := range keys {
		fmt.Fprintf(&body, `,%q:{"counters":[%s,%s]}`, key, served("0", 1), served("1", 1))
	}
	body.WriteString(`}}]`)
	for range 52 { // 10,000 counts each
		w.now = w.now.Add(time.Hour)
		w.send(body.String())
	}
	w.settle()
	counts := w.usage.Evaluations(envID, keys[0], noon, noon.Add(never))
	if hours := len(counts) / 2; hours != 50 || !counts[0].Hour.Equal(noon.Add(3*time.Hour).Truncate(time.Hour)) {
		t.Errorf("%d hours are kept, from %v", hours, counts[0].Hour)
	}
	if known, _ := w.usage.Totals(envID); known != 520_000 {
		t.Errorf("%d evaluations", known)
	}
}

func TestManyReportAtOnce(t *testing.T) {
	w := newWorld(t, "checkout")
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 100 {
				w.report(usage.Report{SDK: golang, Payload: fmt.Sprint(worker, " ", i)}, summary("checkout", served("0", 1)))
				w.usage.SDKs(envID)
				w.usage.Evaluations(envID, "checkout", noon, noon)
				if i%25 == 0 {
					if err := w.usage.Keep(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	w.settle()
	dropped := w.usage.Stats().Dropped
	w.restart()
	w.want("checkout", fmt.Sprintf("28T12 0 %d", 800-dropped))
}

// However many reports wait, whoever else wants the processor gets it after one of them.
func TestOthersRunBetweenReports(t *testing.T) {
	w := newWorld(t, "checkout")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const waiting = 200
	for range waiting {
		w.send(string(browserEvents(20)))
	}
	before := usage.Waiting(w.usage)
	runtime.Gosched()
	if after := usage.Waiting(w.usage); before < waiting/2 || before-after > waiting/4 {
		t.Errorf("of %d reports %d wait, and %d after the reader had one turn more", waiting, before, after)
	}
}
