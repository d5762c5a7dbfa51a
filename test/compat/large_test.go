package compat

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestAMillionMembersInOneBody pushes one body of a million members and holds the process to its
// promise: the peak of its memory stays within 256 MiB of what it used before.
func TestAMillionMembersInOneBody(t *testing.T) {
	const members = 1_000_000
	s := start(t)
	idle := s.memory(t, "VmRSS")
	body, write := io.Pipe()
	go func() {
		w := bufio.NewWriterSize(write, 1<<16)
		fmt.Fprintf(w, `{"environmentId":%q,"cohortId":"million","cohortName":"A million","listData":{"add":[`, environmentID)
		for i := range members {
			if i > 0 {
				_ = w.WriteByte(',')
			}
			fmt.Fprintf(w, `{"id":"user-%07d@example.org"}`, i)
		}
		_, _ = w.WriteString(`],"remove":[]}}`)
		write.CloseWithError(w.Flush())
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v2/segment-targets/rudderstack", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", adminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("status %d: %s", resp.StatusCode, answer)
	}
	peak := s.memory(t, "VmHWM")
	t.Logf("idle %d MiB, peak %d MiB", idle>>20, peak>>20)
	if peak-idle > 256<<20 {
		t.Errorf("memory rose by %d MiB, more than 256 MiB", (peak-idle)>>20)
	}
	keys := []string{"user-0000000@example.org", "user-0499999@example.org", "user-0999999@example.org"}
	if missing := s.absent(t, "rudderstack-million.g1", keys); len(missing) > 0 {
		t.Errorf("absent right after the answer: %v", missing)
	}
	if missing := s.absent(t, "rudderstack-million.g1", []string{"user-1000000@example.org"}); len(missing) != 1 {
		t.Error("somebody is in who was not pushed")
	}
	s.kill(t)
	s.run(t)
	if missing := s.absent(t, "rudderstack-million.g1", keys); len(missing) > 0 {
		t.Errorf("absent after a kill: %v", missing)
	}
	if answer := s.must(t, http.StatusOK, http.MethodGet, "/api/v2/segments/default/production/rudderstack-million", ""); !strings.Contains(string(answer), `"includedCount":1000000`) {
		t.Errorf("the count is not exact: %s", answer)
	}
}

// memory returns a line of the process's status file, in bytes.
func (s *server) memory(t *testing.T, line string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no %s in the status of the process", line)
	return 0
}
