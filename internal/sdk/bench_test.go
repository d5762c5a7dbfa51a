package sdk_test

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/sdk"
	"muster/internal/segment"
)

// sink is a response writer that counts.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(b []byte) (int, error) {
	s.bytes += len(b)
	return len(b), nil
}

// The whole answer to a browser's poll, without the network.
func BenchmarkResults(b *testing.B) {
	for _, flags := range []int{1, 100} {
		b.Run(fmt.Sprintf("flags=%d", flags), func(b *testing.B) {
			w := newWorld(b, delivery.Options{}, sdk.Options{})
			w.putSegment()
			for i := range flags {
				w.putFlag(catalog.FlagKey(fmt.Sprintf("flag-%d", i)), 1)
			}
			w.push(segment.Include, "u1")
			r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, w.url+"/sdk/evalx/"+string(envID)+"/contexts/"+contextPath("u1"), nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				out := &sink{header: http.Header{}, status: http.StatusOK}
				if w.handler.ServeHTTP(out, r); out.status != http.StatusOK || out.bytes == 0 {
					b.Fatalf("status %d", out.status)
				}
			}
		})
	}
}

// From the commit of a push to the event at an open browser, over a real connection.
func BenchmarkPushToBrowser(b *testing.B) {
	w := newWorld(b, delivery.Options{}, sdk.Options{})
	w.putSegment()
	w.putFlag("checkout", 1)
	l := w.listen(http.MethodGet, "/eval/"+string(envID)+"/"+contextPath("u1"), "")
	l.event()
	for i := 0; b.Loop(); i++ {
		ops := segment.Include
		if i%2 == 1 {
			ops = segment.Uninclude
		}
		w.push(ops, "u1")
		l.event()
	}
}

// A flag changes for many browsers, until the last of them has heard it: what one stream costs, its reader included.
func BenchmarkPatchToStreams(b *testing.B) {
	const streams = 1000
	w := newWorld(b, delivery.Options{}, sdk.Options{})
	w.putSegment()
	w.putFlag("checkout", 1)
	var told sync.WaitGroup
	told.Add(streams)
	for i := range streams {
		_, in := w.raw("GET /eval/" + string(envID) + "/" + contextPath(fmt.Sprintf("u%d", i)) + " HTTP/1.1\r\nHost: muster\r\n\r\n")
		go func() {
			for {
				line, err := in.ReadSlice('\n')
				if err != nil {
					return // the benchmark is over
				}
				if bytes.HasPrefix(line, []byte("data: ")) {
					told.Done()
				}
			}
		}()
	}
	told.Wait()
	b.ReportAllocs()
	for version := 2; b.Loop(); version++ {
		told.Add(streams)
		w.putFlag("checkout", version)
		told.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/streams, "us/stream")
}
