package inbound_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"muster/internal/segment"
	"muster/internal/store"
)

const rudderstackPath = "/api/v2/segment-targets/rudderstack"

// runs returns how many runs the ledger has.
func (o *origin) runs(t testing.TB) int {
	t.Helper()
	_, n, err := o.store.Runs(t.Context(), sampleEnvironment, store.RunQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestARequestThatComesAgainUnderItsKeyChangesNothing(t *testing.T) {
	o := newOrigin(t, 1<<20)
	key := strings.Repeat("ä", 127) + "k"
	for range 2 {
		if got := o.post(t, rudderstackPath, rudderstack("ann"), "Idempotency-Key", key); got.status != http.StatusNoContent {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
	}
	if got := o.post(t, rudderstackPath, rudderstack("ben"), "Idempotency-Key", key); got.status != http.StatusNoContent || o.includes(t, "rudderstack-trial", "ben") {
		t.Errorf("under a key that is taken: status %d", got.status)
	}
	if n := o.runs(t); n != 1 {
		t.Errorf("%d runs", n)
	}
	other := bytes.ReplaceAll(rudderstack("cleo"), []byte("trial"), []byte("vips"))
	if got := o.post(t, rudderstackPath, other, "Idempotency-Key", key); got.status != http.StatusNoContent || !o.includes(t, "rudderstack-vips", "cleo") {
		t.Errorf("of another segment: status %d", got.status)
	}
}

func TestAnIdempotencyKeyHasALongestLength(t *testing.T) {
	o := newOrigin(t, 1<<20)
	for _, key := range []string{strings.Repeat("k", 256), "\xff\xfe"} {
		got := o.post(t, rudderstackPath, rudderstack("ann"), "Idempotency-Key", key)
		if got.status != http.StatusBadRequest || o.includes(t, "rudderstack-trial", "ann") {
			t.Errorf("status %d", got.status)
		}
		checkError(t, got)
	}
}

func TestAMessageThatComesAgainChangesNothing(t *testing.T) {
	o := newOrigin(t, 1<<20)
	path := "/api/v2/segment-targets/amplitude-webhook?environmentId=" + string(sampleEnvironment)
	message := func(id, member string) []byte {
		return fmt.Appendf(nil, `{"cohort_name":"Power","cohort_id":"q7","in_cohort":true,"message_id":%q,"users":[{"user_id":%q}]}`, id, member)
	}
	for _, body := range [][]byte{message("m1", "ann"), message("m1", "ann"), message("m2", "ben")} {
		if got := o.post(t, path, body); got.status != http.StatusOK {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
	}
	if n := o.runs(t); n != 2 {
		t.Errorf("%d runs", n)
	}
	// What the caller names the request by counts more.
	if got := o.post(t, path, message("m2", "cleo"), "Idempotency-Key", "k1"); got.status != http.StatusOK || !o.includes(t, "amplitude-webhook-q7", "cleo") {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

func TestAPingIsAnsweredAndLeavesNothingBehind(t *testing.T) {
	o := newOrigin(t, 1<<20)
	if got := o.post(t, "/api/v2/segment-targets/pinging", []byte(`{}`)); got.status != http.StatusNoContent {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := o.post(t, "/api/v2/segment-targets/pinging", []byte(`{}`), "Authorization", "api-unknown"); got.status != http.StatusUnauthorized {
		t.Errorf("with a token that nobody knows: status %d", got.status)
	}
	if n := o.runs(t); n != 0 {
		t.Errorf("%d runs", n)
	}
}

// guarded sets the limits of the environment: no more than a tenth of a segment may be removed.
func (o *origin) guarded(t testing.TB, reject bool) {
	t.Helper()
	_, err := o.store.Update(t.Context(), store.Account, func(tx store.Tx) error {
		env, _ := tx.Environment(sampleEnvironment)
		env = env.Clone()
		percent, members := 10.0, int64(2)
		env.Guard = &segment.GuardSettings{Shrink: &percent, Members: &members, Reject: &reject}
		tx.PutEnvironment(env)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestARunThatTheGuardHoldsIsAnsweredLikeAnyOther(t *testing.T) {
	for reject, want := range map[bool]int{false: http.StatusNoContent, true: http.StatusConflict} {
		o := newOrigin(t, 1<<20)
		if got := o.post(t, rudderstackPath, rudderstack("ann", "ben", "cleo")); got.status != http.StatusNoContent {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
		o.guarded(t, reject)
		got := o.post(t, rudderstackPath, []byte(strings.NewReplacer(`"add"`, `"remove"`, `"remove"`, `"add"`).Replace(string(rudderstack("ann", "ben")))))
		if got.status != want || !o.includes(t, "rudderstack-trial", "ann") {
			t.Errorf("reject %v: status %d, want %d: %s", reject, got.status, want, got.body)
		}
		if reject {
			checkError(t, got)
		}
	}
}
