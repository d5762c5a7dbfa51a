package api_test

import (
	"fmt"
	"net/http/httptest"
	"syscall"
	"testing"

	"muster/internal/catalog"
	"muster/internal/segment"
	"muster/internal/store"
)

// BenchmarkSegmentList asks for pages of 10,000 segments, each of which has runs.
func BenchmarkSegmentList(b *testing.B) {
	const segments = 10_000
	a := newAccount(b)
	env := segment.EnvID(clientSideID)
	for n := 0; n < segments; n += 500 {
		_, err := a.store.Update(b.Context(), store.Scope{Env: env}, func(tx store.Tx) error {
			for i := n; i < n+500; i++ {
				key := segment.Key(fmt.Sprintf("tool-cohort-%05d", i))
				tx.PutSegment(&catalog.Segment{
					ID: catalog.NewID(), Env: env, Key: key, Name: fmt.Sprintf("Cohort %d", i), Tags: []string{"crm"}, Version: 1, Generation: 1, Unbounded: true, Kind: "user",
					Source: &catalog.Source{Tool: "tool", ExternalID: fmt.Sprint(i), ExternalName: fmt.Sprintf("Cohort %d", i)},
				})
				for range 3 {
					tx.Record(segment.Run{
						ID: segment.RunID(catalog.NewID()), Env: env, Segment: key, Kind: segment.PushRun, State: segment.RunLive, Tool: "tool",
						Received: 10, Added: 10, UserAgent: "tool/1.0", Actor: segment.Actor{Kind: "token", ID: "64b0c9f2a1d3e4f5061728aa", Name: "sync"},
					})
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, query := range []string{"?limit=20", "?limit=20&offset=9000&sort=-lastModified", "?limit=1000", "?limit=20&sort=name", `?limit=20&filter=query+equals+"cohort+77"`} {
		b.Run(query, func(b *testing.B) {
			b.ReportAllocs()
			var before, after syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			for b.Loop() {
				r := httptest.NewRequest("GET", "/api/v2/segments/default/production"+query, nil)
				r.Header.Set("Authorization", a.token)
				w := httptest.NewRecorder()
				a.api.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			b.ReportMetric(float64(after.Utime.Nano()-before.Utime.Nano())/float64(b.N), "cpu-ns/op")
		})
	}
}
