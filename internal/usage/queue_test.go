package usage

import (
	"fmt"
	"strings"
	"testing"

	"muster/internal/catalog"
	"muster/internal/segment"
)

func TestEnvironmentsTakeTurns(t *testing.T) {
	q := newQueue(64, 1<<20)
	put := func(env segment.EnvID, n int) (taken int) {
		for i := range n {
			if q.put(queued{Report: Report{Environment: &catalog.Environment{ID: env}, Payload: fmt.Sprintf("%s%d", env, i)}}) {
				taken++
			}
		}
		return taken
	}
	if got := put("a", 100); got != 32 {
		t.Errorf("one environment lets %d of 64 wait", got)
	}
	if b, c := put("b", 3), put("c", 2); b != 3 || c != 2 {
		t.Errorf("others let %d and %d wait", b, c)
	}
	var order []string
	for r, ok := q.next(); ok; r, ok = q.next() {
		order = append(order, r.Payload)
	}
	if got := strings.Join(order[:9], " "); got != "a0 b0 c0 a1 b1 c1 a2 b2 a3" || len(order) != 37 {
		t.Errorf("%d were read in the order %s", len(order), got)
	}
	if len(q.shares) != 0 || q.count != 0 {
		t.Errorf("%d shares and %d reports are left", len(q.shares), q.count)
	}
}
