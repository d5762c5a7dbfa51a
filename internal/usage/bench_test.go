package usage_test

import (
	"fmt"
	"strings"
	"testing"

	"muster/internal/usage"
)

// browserEvents is what a browser sends: a summary, and contexts that it saw.
func browserEvents(contexts int) []byte {
	list := []string{`{"kind":"summary","startDate":1767000000000,"endDate":1767000005000,"features":{"checkout":{"default":false,"contextKinds":["user"],` +
		`"counters":[{"variation":0,"version":2,"value":true,"count":12},{"variation":1,"version":2,"value":false,"count":3}]}}}`}
	for n := range contexts {
		list = append(list, fmt.Sprintf(`{"kind":"identify","creationDate":1767000000000,"context":{"kind":"user","key":"user-%09d"}}`, n))
	}
	return []byte("[" + strings.Join(list, ",") + "]")
}

func BenchmarkReport(b *testing.B) {
	w := newWorld(b, "checkout")
	body := browserEvents(20)
	for _, remembered := range []bool{false, true} {
		b.Run(fmt.Sprintf("contexts remembered=%t", remembered), func(b *testing.B) {
			env := *w.env
			env.RecordContexts = remembered
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if counts, _, err := usage.Read(w.usage, &env, body); err != nil || counts["checkout"] != 15 {
					b.Fatal(counts, err)
				}
			}
		})
	}
}
