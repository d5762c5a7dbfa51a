package inbound_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkPush sends requests of 1,000 new members, as tools do, through the whole walk on a real
// disk; only the network is left out.
func BenchmarkPush(b *testing.B) {
	const members = 1000
	o := newOriginOn(b, b.TempDir(), vfs.Default, 1<<20)
	var serial atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		var body bytes.Buffer
		for pb.Next() {
			first := serial.Add(members)
			body.Reset()
			fmt.Fprintf(&body, `{"environmentId":%q,"cohortId":"trial","cohortName":"Trial","listData":{"add":[`, sampleEnvironment)
			for i := range members {
				if i > 0 {
					body.WriteByte(',')
				}
				fmt.Fprintf(&body, `{"id":"user-%09d"}`, first+int64(i))
			}
			body.WriteString(`],"remove":[]}}`)
			req := httptest.NewRequest(http.MethodPost, "/api/v2/segment-targets/rudderstack", &body)
			req.SetPathValue("integrationKey", "rudderstack")
			req.Header.Set("Authorization", writer)
			answer := httptest.NewRecorder()
			o.inbound.ServeHTTP(answer, req)
			if answer.Code != http.StatusNoContent {
				b.Fatalf("status %d: %s", answer.Code, answer.Body)
			}
		}
	})
	b.ReportMetric(float64(b.N)*members/b.Elapsed().Seconds(), "members/s")
}
