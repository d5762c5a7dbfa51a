package connector

import (
	"bytes"
	"io"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	for _, bb := range []struct {
		name, tool string
		body       *generated
		rows       int
	}{
		{"one tool push of 1000 members", "amplitude", amplitudeRows(1000), 1000},
		{"one list of 1000 members", "rudderstack", listRows(1000), 1000},
		{"one body of 1000000 members", "amplitude", amplitudeRows(1_000_000), 1_000_000},
	} {
		b.Run(bb.name, func(b *testing.B) {
			m := shippedTool(b, bb.tool)
			body, err := io.ReadAll(bb.body)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				p, err := m.Parse(bytes.NewReader(body), "")
				if err != nil || p.Batch.Received != bb.rows {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(bb.rows)*float64(b.N)/b.Elapsed().Seconds(), "members/s")
		})
	}
}

func BenchmarkReply(b *testing.B) {
	m := shippedTool(b, "heap-inbound")
	o := Outcome{ProjectKey: "default", EnvironmentKey: "production", SegmentKey: "heap-inbound-1338912"}
	b.ReportAllocs()
	for b.Loop() {
		if _, body := m.Reply(nil, o); body == nil {
			b.Fatal("no body")
		}
	}
}
