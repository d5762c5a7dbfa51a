package resp

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"muster/internal/segment"
)

// BenchmarkSMEMBERS asks for 20 refs, first without a network, then over one TCP connection in
// pipelines of 100.
func BenchmarkSMEMBERS(b *testing.B) {
	h := build(b)
	user := segment.HashOf("user-key")
	refs := make([]segment.Ref, 20)
	for i := range refs {
		refs[i] = segment.Ref{Key: segment.Key(fmt.Sprintf("segment-%02d", i)), Generation: 1}
	}
	h.members.included[webID][user] = refs
	one := encode("SMEMBERS", included)

	b.Run("execute", func(b *testing.B) {
		c := newConn(h.Server, &script{}, false)
		c.authenticate([]byte("sdk-web"))
		args := [][]byte{[]byte("SMEMBERS"), []byte(included)}
		b.ReportAllocs()
		for b.Loop() {
			c.execute(args)
			c.out = c.out[:0]
		}
	})
	b.Run("pipeline", func(b *testing.B) {
		const depth = 100
		c := dial(b, h.listen(b, false))
		_ = c.SetDeadline(time.Time{})
		c.say("AUTH sdk-web", "+OK\r\n")
		var r reply
		r.refs(refs)
		answers := make([]byte, depth*len(r.out))
		batch := strings.Repeat(one, depth)
		b.ReportAllocs()
		for b.Loop() {
			c.send(batch)
			if _, err := io.ReadFull(c.in, answers); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*depth), "ns/command")
	})
}
