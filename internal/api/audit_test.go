package api_test

import (
	"fmt"
	"testing"
	"time"
)

func TestTheAuditLogAfterAnEntryIsWithoutIt(t *testing.T) {
	start := time.Now().Truncate(time.Second)
	now := start
	a := newAccountAt(t, func() time.Time { return now })
	for i := range 3 {
		now = start.Add(time.Duration(i)*time.Second + 700*time.Microsecond)
		a.must(t, 201, "", "POST", "/roles", fmt.Sprintf(`{"key":"r%d","name":"R%d","policy":[]}`, i, i))
	}
	after := func(i int) reply {
		return a.must(t, 200, "", "GET", fmt.Sprintf("/auditlog?after=%d", start.Add(time.Duration(i)*time.Second).UnixMilli()), "")
	}
	after(2).want(t, "items", "[]")
	after(1).want(t, "items.0.name", `"R2"`, "items.1", "null")
	after(0).want(t, "items.1.name", `"R1"`, "items.2", "null")
}
