package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command runs a command of the binary against the server and returns what it printed.
func (s *server) command(t testing.TB, name string, args ...string) string {
	t.Helper()
	args = append([]string{name, "--url", s.url, "--token", adminToken, "--segment", "vips"}, args...)
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("muster %s: %v: %s%s", strings.Join(args, " "), err, out, &said)
	}
	return string(out)
}

// TestAListFromTheCommandLineFlipsAFlag imports a hundred thousand members with the binary itself,
// replaces them, goes back, and exports them, while SDKs watch one of them.
func TestAListFromTheCommandLineFlipsAFlag(t *testing.T) {
	const members = 100_000
	const path = "/api/v2/segments/default/production/vips"
	s := start(t)
	s.must(t, http.StatusCreated, http.MethodPost, "/api/v2/segments/default/production", `{"key":"vips","name":"VIPs","unbounded":true}`)
	s.targetSegment(t, "for-vips", "vips")
	clients := []*watcher{watchGo(t, s, []string{"for-vips"}, "go-server-sdk", nil, userContext(contextKey)), drive(t, s, "node-client.js", []string{"for-vips"})}
	expect := func(member bool) {
		t.Helper()
		want := seen{Flag: "for-vips", Kind: "FALLTHROUGH", Status: "HEALTHY"}
		if member {
			want.Value, want.Kind = true, "RULE_MATCH"
		}
		for _, c := range clients {
			c.expect(t, want)
		}
	}
	expect(false)

	var list strings.Builder
	list.WriteString("email,key\n")
	for i := range members - 1 {
		fmt.Fprintf(&list, "user-%d@example.org,user-%d\n", i, i)
	}
	without := filepath.Join(t.TempDir(), "without.csv")
	with := filepath.Join(filepath.Dir(without), "with.csv")
	for name, text := range map[string]string{without: list.String(), with: list.String() + "someone@example.org," + contextKey + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	prints := func(out, want string) {
		t.Helper()
		if !strings.Contains(out, want) {
			t.Errorf("printed %q, want %q", out, want)
		}
	}
	prints(s.command(t, "import", "--dry-run", "--column", "key", with), "of 100,000 rows\n  100,000 would be added\n        0 would be removed\n")
	expect(false)
	prints(s.command(t, "import", "--column", "key", with), "100,000 added, 0 removed, 0 unchanged, 0 skipped")
	expect(true)
	prints(s.command(t, "import", "--mode", "replace", "--column", "key", without), "0 added, 1 removed, 99,999 unchanged, 0 skipped")
	expect(false)

	var points struct {
		Items []struct {
			ID      string `json:"_id"`
			Members int
		}
	}
	if err := json.Unmarshal(s.must(t, http.StatusOK, http.MethodGet, path+"/points", ""), &points); err != nil {
		t.Fatal(err)
	}
	if len(points.Items) < 2 || points.Items[1].Members != members {
		t.Fatalf("points %+v", points.Items)
	}
	s.must(t, http.StatusOK, http.MethodPost, path+"/points/"+points.Items[1].ID+"/publish", `{"comment":"somebody was missing"}`)
	expect(true)
	out := s.command(t, "export")
	if n := strings.Count(out, "\n"); n != members || !strings.Contains(out, "\n"+contextKey+"\n") && !strings.HasPrefix(out, contextKey+"\n") {
		t.Errorf("%d rows were exported", n)
	}
}
