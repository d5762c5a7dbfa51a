package engine

import (
	"testing"

	"muster/internal/catalog"
)

// TestTheAuditHeadWaitsForStepsThatAreUnderWay writes steps that become durable in another order than
// that of their positions.
func TestTheAuditHeadWaitsForStepsThatAreUnderWay(t *testing.T) {
	var o auditOrder
	want := func(head catalog.AuditPosition) {
		t.Helper()
		if got := o.head(); got != head {
			t.Errorf("the head is %d, want %d", got, head)
		}
	}
	want(0)
	first, second, third := o.begin(2), o.begin(3), o.begin(1)
	if first != 1 || second != 3 || third != 6 {
		t.Errorf("the steps begin at %d, %d and %d", first, second, third)
	}
	want(0)
	o.end(second)
	want(0)
	o.end(first)
	want(5)
	fourth := o.begin(1)
	o.end(third)
	want(6)
	o.end(fourth)
	want(7)
}
