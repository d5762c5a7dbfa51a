package compat

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	ldapi "github.com/launchdarkly/api-client-go/v17"
)

// TestParallelPatchesAreAllThereAfterAKill lets 64 clients patch one flag, one segment and one project
// of the binary at the same time, each with a tag of its own, and kills it when all are answered.
func TestParallelPatchesAreAllThereAfterAKill(t *testing.T) {
	const clients = 64
	s := start(t)
	r := newRest(t, s)
	ctx := r.auth(t)
	from(r.FeatureFlagsApi.PostFeatureFlag(ctx, "default").FeatureFlagBody(*ldapi.NewFeatureFlagBody("Flag", "f")).Execute()).ok(t)
	from(r.SegmentsApi.PostSegment(ctx, "default", "production").SegmentBody(*ldapi.NewSegmentBody("Segment", "s")).Execute()).ok(t)
	var all []string
	for i := range clients {
		all = append(all, fmt.Sprintf("t%02d", i))
	}
	var group sync.WaitGroup
	begin := make(chan struct{})
	failed := make(chan error, 3*clients)
	answered := func(_ *http.Response, err error) {
		if err != nil {
			failed <- err
		}
	}
	for _, tag := range all {
		add := []ldapi.PatchOperation{op("add", "/tags/-", tag)}
		group.Go(func() {
			<-begin
			_, resp, err := r.FeatureFlagsApi.PatchFeatureFlag(ctx, "default", "f").PatchWithComment(envelope(add...)).Execute()
			answered(resp, err)
		})
		group.Go(func() {
			<-begin
			_, resp, err := r.SegmentsApi.PatchSegment(ctx, "default", "production", "s").PatchWithComment(envelope(add...)).Execute()
			answered(resp, err)
		})
		group.Go(func() {
			<-begin
			_, resp, err := r.ProjectsApi.PatchProject(ctx, "default").PatchOperation(add).Execute()
			answered(resp, err)
		})
	}
	close(begin)
	group.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	s.kill(t)
	s.run(t)
	for _, path := range []string{"/api/v2/flags/default/f", "/api/v2/segments/default/production/s", "/api/v2/projects/default"} {
		var got struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(s.must(t, http.StatusOK, "GET", path, ""), &got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Tags, all) {
			t.Errorf("%s has the tags %s", path, strings.Join(got.Tags, " "))
		}
	}
}
