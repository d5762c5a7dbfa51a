package usage_test

import (
	"encoding/json"
	"testing"

	"muster/internal/usage"
)

// FuzzReport reads what may come from anywhere. Whatever is counted is a flag that there is, and the
// body is JSON.
func FuzzReport(f *testing.F) {
	f.Add([]byte(summary("checkout", served("0", 12), `{"unknown":true,"value":false,"count":1}`)))
	f.Add([]byte(`[{"kind":"feature","key":"checkout","variation":1,"default":null}]`))
	f.Add([]byte(`{"kind":"diagnostic-init","id":{"diagnosticId":"d-1"},"sdk":{"name":"go-server-sdk","version":"7.14.6"}}`))
	f.Add([]byte(`[{"kind":"summary","kind":"x","features":{"checkout":{"counters":[]},"checkout":{"counters":[{"count":9007199254740993}]}}}]`))
	f.Add([]byte("[{\"kind\":\"summary\",\"features\":{\"\xff\":{}}}]"))
	w := newWorld(f, "checkout")
	f.Fuzz(func(t *testing.T, body []byte) {
		counts, _, err := usage.Read(w.usage, w.env, body)
		for key := range counts {
			if key != "checkout" {
				t.Errorf("counts %q", key)
			}
		}
		if err == nil && !json.Valid(body) {
			t.Errorf("%q is no JSON", body)
		}
	})
}
