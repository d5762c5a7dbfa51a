package api_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"

	"muster/internal/delivery"
	"muster/internal/segment"
	"muster/internal/store"
)

// scratched is files of which some have a wrong byte.
type scratched struct {
	store.Files
	bad map[store.FileID]bool
}

type scratchedFile []byte

func (f scratchedFile) Bytes() []byte { return f }
func (f scratchedFile) Close() error  { return nil }

func (s scratched) Open(ctx context.Context, id store.FileID) (store.File, error) {
	f, err := s.Files.Open(ctx, id)
	if err != nil || !s.bad[id] {
		return f, err
	}
	b := bytes.Clone(f.Bytes())
	b[200] ^= 1 // among the members
	return scratchedFile(b), f.Close()
}

func files(t *testing.T, f store.Files) map[store.FileID]bool {
	t.Helper()
	all := make(map[store.FileID]bool)
	for id, err := range f.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all[id] = true
	}
	return all
}

// TestADamagedSegmentFailsAloneUntilAPointIsPublished asks, by every way there is, for a context that is
// in a segment over a bad block and in a good one.
func TestADamagedSegmentFailsAloneUntilAPointIsPublished(t *testing.T) {
	db := newDatabase(t)
	a := openAccount(t, db, db, newKeys(t), time.Now)
	for _, key := range []string{"big", "good"} {
		a.must(t, 201, "", "POST", segments, `{"key":"`+key+`","name":"`+key+`","unbounded":true}`)
		a.must(t, 201, "", "POST", "/flags/default", `{"key":"of-`+key+`","name":"x","clientSideAvailability":{"usingEnvironmentId":true,"usingMobileKey":true}}`)
		a.must(t, 200, "", "PATCH", "/flags/default/of-"+key, `{"environmentKey":"production","instructions":[{"kind":"turnFlagOn"},`+
			`{"kind":"addRule","variationId":"`+a.must(t, 200, "", "GET", "/flags/default/of-"+key, "").str("variations.1._id")+`",`+
			`"clauses":[{"attribute":"","contextKind":"","op":"segmentMatch","values":["`+key+`"]}]}]}`, "Content-Type", semantic)
	}
	a.must(t, 204, "", "POST", segments+"/good/contexts", `{"included":{"add":["ann"]}}`)
	a.decided(t, a.load(t, "?mode=replace", "ann\n"))
	before := files(t, db)
	a.decided(t, a.load(t, "?mode=replace", "ann\nbob\n"))
	bad := make(map[store.FileID]bool)
	for id := range files(t, db) {
		bad[id] = !before[id]
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	a = openAccount(t, db, scratched{db, bad}, newKeys(t), time.Now)

	const of = environment + "/contexts/user/ann/segments"
	a.must(t, 200, "ContextSegments", "GET", of, "").want(t, "totalCount", `1`, "items.0.segmentKey", `"good"`,
		"unreadable.0.segmentKey", `"big"`, "unreadable.0.name", `"big"`, "unreadable.1", `null`)
	a.wantRefs(t, "good")
	stopped, _ := a.delivery.SynchronizedOn(clientSideID)
	a.wantResults(t, `"of-big":{"value":true`, `"of-good":{"value":false`)
	a.must(t, 200, "", "GET", listPath, "").want(t, "_muster.state", `"failed"`)
	a.must(t, 200, "", "GET", segments+"/good", "").want(t, "_muster.state", `"live"`)
	a.must(t, 204, "", "POST", segments+"/good/contexts", `{"included":{"add":["cleo"]}}`)
	if again, known := a.delivery.SynchronizedOn(clientSideID); !known || !again.Equal(stopped) {
		t.Errorf("the sync time is %v after it was %v", again, stopped)
	}

	points := a.must(t, 200, "", "GET", listPath+"/points", "")
	a.must(t, 200, "", "POST", listPath+"/points/"+points.str("items.1._id")+"/publish", `{"comment":"bad disk"}`)
	a.must(t, 200, "ContextSegments", "GET", of, "").want(t, "totalCount", `2`, "unreadable", `null`)
	a.wantRefs(t, "big", "good")
	a.wantResults(t, `"of-big":{"value":false`, `"of-good":{"value":false`)
	a.must(t, 200, "", "GET", listPath, "").want(t, "_muster.state", `"live"`)
	if now, _ := a.delivery.SynchronizedOn(clientSideID); !now.After(stopped) {
		t.Errorf("the sync time still is %v", now)
	}
}

// wantRefs asks as Redis clients do.
func (a *account) wantRefs(t *testing.T, keys ...segment.Key) {
	t.Helper()
	included, _, err := a.delivery.Refs(clientSideID, segment.HashOf("ann"), nil, nil)
	var got []segment.Key
	for _, r := range included {
		got = append(got, r.Key)
	}
	slices.Sort(got)
	if err != nil || !slices.Equal(got, keys) {
		t.Errorf("ann is in %v, %v; want %v", got, err, keys)
	}
}

// wantResults asks as client-side SDKs do. The flags are false for members.
func (a *account) wantResults(t *testing.T, results ...string) {
	t.Helper()
	got, err := a.delivery.Evaluate(t.Context(), clientSideID, delivery.Request{Context: ldcontext.New("ann")})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range results {
		if !bytes.Contains(got.JSON, []byte(want)) {
			t.Errorf("results %s lack %s", got.JSON, want)
		}
	}
}
