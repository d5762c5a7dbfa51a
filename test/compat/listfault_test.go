package compat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const vips = "/api/v2/segments/default/production/vips"

// ledger is what these tests read of a run.
type ledger struct {
	State, Kind, Error                           string
	Received, Added, Removed, Unchanged, Skipped int
}

// runs returns the runs of a segment, newest first.
func (s *server) runs(t testing.TB, segment string) []ledger {
	t.Helper()
	var page struct{ Items []ledger }
	if err := json.Unmarshal(s.must(t, 200, http.MethodGet, "/api/v2/segments/default/production/"+segment+"/runs", ""), &page); err != nil {
		t.Fatal(err)
	}
	return page.Items
}

// members returns the members of a segment, sorted.
func (s *server) members(t testing.TB, segment string) []string {
	t.Helper()
	var page struct{ Items []struct{ Key string } }
	if err := json.Unmarshal(s.must(t, 200, http.MethodGet, "/api/v2/segments/default/production/"+segment+"/members?limit=1000", ""), &page); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, item := range page.Items {
		keys = append(keys, item.Key)
	}
	slices.Sort(keys)
	return keys
}

// importing waits until an import into the segment vips is on its way.
func (s *server) importing(t testing.TB) {
	t.Helper()
	eventually(t, "an upload has begun", func() bool {
		var page struct{ Items []struct{ Status string } }
		return json.Unmarshal(s.must(t, 200, http.MethodGet, vips+"/imports?limit=1", ""), &page) == nil &&
			len(page.Items) > 0 && page.Items[0].Status == "preparing"
	})
}

// listOf writes a list of n keys into a file.
func listOf(t testing.TB, n int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "list.csv")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range n {
		fmt.Fprintf(w, "somebody-with-a-long-name-%09d\n", i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

func (s *server) createVIPs(t testing.TB) {
	t.Helper()
	s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/segments/default/production", `{"key":"vips","name":"VIPs","unbounded":true}`)
	s.must(t, http.StatusNoContent, http.MethodPost, vips+"/contexts", `{"included":{"add":["ann","ben"]}}`)
}

// TestAnImportOutlivesACrash kills muster while the command line uploads a list; the command sends it
// again and ends as if nothing had happened.
func TestAnImportOutlivesACrash(t *testing.T) {
	const rows = 2_000_000
	s := start(t)
	s.createVIPs(t)
	cmd := exec.CommandContext(t.Context(), binary(t), "import", "--url", s.url, "--token", adminToken, "--segment", "vips", listOf(t, rows))
	var out, said lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.importing(t)
	s.kill(t)
	s.run(t)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s%s", err, out.tail(1<<10), said.tail(1<<10))
	}
	if got := out.tail(1 << 10); !strings.Contains(got, "2,000,000 added, 0 removed, 0 unchanged, 0 skipped") || !strings.Contains(said.tail(1<<10), "trying again") {
		t.Errorf("printed %q and %q", got, said.tail(1<<10))
	}
	runs := s.runs(t, "vips")
	if runs[0].State != "live" || runs[0].Added != rows || runs[1].State != "rejected" || !strings.Contains(runs[1].Error, "send it again") {
		t.Errorf("runs %+v", runs)
	}
}

// TestAnInterruptedImportChangesNothing ends the command line in the middle of a list.
func TestAnInterruptedImportChangesNothing(t *testing.T) {
	s := start(t)
	s.createVIPs(t)
	cmd := exec.CommandContext(t.Context(), binary(t), "import", "--url", s.url, "--token", adminToken, "--segment", "vips", "--mode", "replace")
	list, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said lockedBuffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(list, "cleo\n"); err != nil {
		t.Fatal(err)
	}
	s.importing(t)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 || !strings.Contains(said.tail(1<<10), "interrupted while uploading; nothing was changed") {
		t.Errorf("%v: %s", err, said.tail(1<<10))
	}
	eventually(t, "the upload is given up", func() bool { return s.runs(t, "vips")[0].State == "rejected" })
	if got := s.members(t, "vips"); !slices.Equal(got, []string{"ann", "ben"}) {
		t.Errorf("members %q", got)
	}
}

// TestAStopCutsAnUpload stops muster while a list trickles in: it stops in time, and nothing of the
// list is left.
func TestAStopCutsAnUpload(t *testing.T) {
	t.Setenv("MUSTER_DRAIN_TIMEOUT", "1s")
	s := start(t)
	s.createVIPs(t)
	body, list := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+vips+"/imports?mode=replace", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", adminToken)
	req.Header.Set("Content-Type", "text/csv")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode < 400 {
				t.Errorf("status %d", resp.StatusCode)
			}
		}
	}()
	if _, err := io.WriteString(list, "cleo\n"); err != nil {
		t.Fatal(err)
	}
	s.importing(t)
	s.stop(t)
	list.Close()
	<-done
	s.run(t)
	if runs := s.runs(t, "vips"); runs[0].State != "rejected" || !strings.Contains(runs[0].Error, "send") {
		t.Errorf("runs %+v", runs)
	}
	if got := s.members(t, "vips"); !slices.Equal(got, []string{"ann", "ben"}) {
		t.Errorf("members %q", got)
	}
	status, text := s.call(t, http.MethodPost, vips+"/imports?mode=replace", "text/csv", "cleo\n")
	if status != http.StatusNoContent {
		t.Fatalf("%d %s", status, text)
	}
	eventually(t, "a later list is taken", func() bool { return slices.Equal(s.members(t, "vips"), []string{"cleo"}) })
}

// mixpanel sends one message of Mixpanel's custom webhook.
func (s *server) mixpanel(t testing.TB, action, session string, page, total int, members ...string) {
	t.Helper()
	type member struct {
		ID string `json:"mixpanel_distinct_id"`
	}
	all := []member{}
	for _, m := range members {
		all = append(all, member{m})
	}
	var body bytes.Buffer
	err := json.NewEncoder(&body).Encode(map[string]any{
		"environmentId": environmentID, "action": action, "parameters": map[string]any{
			"mixpanel_cohort_id": "c1", "mixpanel_cohort_name": "Cohort", "mixpanel_session_id": session,
			"page_info": map[string]int{"page_count": page, "total_pages": total}, "members": all,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if answer := s.must(t, http.StatusOK, http.MethodPost, "/api/v2/segment-targets/mixpanel", body.String()); !strings.Contains(string(answer), `"success"`) {
		t.Errorf("%s", answer)
	}
}

// TestPagesOfAWholeCohort sends a whole membership in pages, in any order, some again, with changes
// between them, over crashes; nobody sees a part of it.
func TestPagesOfAWholeCohort(t *testing.T) {
	s := start(t)
	expect := func(what string, want ...string) {
		t.Helper()
		if got := s.members(t, "mixpanel-c1"); !slices.Equal(got, want) {
			t.Errorf("%s: members %q, want %q", what, got, want)
		}
	}
	again := func() { s.kill(t); s.run(t) }
	s.mixpanel(t, "add_members", "", 1, 1, "ann", "ben", "old")
	s.mixpanel(t, "members", "s1", 3, 3, "fay", "gus")
	again()
	s.mixpanel(t, "members", "s1", 1, 3, "ann", "cleo")
	s.mixpanel(t, "add_members", "", 1, 1, "ben")            // has no effect now, and must count in the end
	s.mixpanel(t, "remove_members", "", 1, 1, "cleo", "fay") // are not here yet, and must not come
	s.mixpanel(t, "members", "s1", 3, 3, "fay", "hal")       // the page again, with somebody else
	expect("two of three pages", "ann", "ben", "old")
	again()
	expect("after a crash", "ann", "ben", "old")
	s.mixpanel(t, "members", "s1", 2, 3)
	expect("all pages", "ann", "ben", "hal")
	whole := slices.DeleteFunc(s.runs(t, "mixpanel-c1"), func(r ledger) bool { return r.Kind != "replace" })
	if len(whole) != 1 || whole[0].State != "live" || whole[0].Received != 4 {
		t.Errorf("runs %+v", whole)
	}
	s.mixpanel(t, "members", "s1", 2, 3) // a late repeat opens a list that nobody completes
	expect("a late page", "ann", "ben", "hal")

	s.mixpanel(t, "members", "s2", 1, 2, "x")
	s.mixpanel(t, "members", "s3", 1, 2, "ivy")
	s.mixpanel(t, "members", "s2", 2, 2, "y")
	s.mixpanel(t, "members", "s3", 2, 2, "jan")
	expect("two lists at once", "ann", "ben", "hal")
	s.mixpanel(t, "members", "s3", 1, 2, "ivy")
	expect("a list that was sent again", "ivy", "jan")

	s.mixpanel(t, "members", "s4", 1, 2, "kim")
	s.mixpanel(t, "members", "s4", 1, 3, "kim") // now it has three
	s.mixpanel(t, "members", "s4", 2, 3, "leo")
	expect("another number of pages", "ivy", "jan")
	s.mixpanel(t, "members", "s4", 3, 3)
	expect("another number of pages, all of them", "kim", "leo")
	for _, run := range s.runs(t, "mixpanel-c1") {
		if run.State == "rejected" && !strings.Contains(run.Error, "pages came; the members stay as they were") {
			t.Errorf("run %+v", run)
		}
	}
}
