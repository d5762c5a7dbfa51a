package connector

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/fault"
	"muster/internal/segment"
)

func shippedTool(tb testing.TB, key string) *Manifest {
	tb.Helper()
	r, err := NewRegistry()
	if err != nil {
		tb.Fatal(err)
	}
	m, ok := r.Lookup(key)
	if !ok {
		tb.Fatalf("no tool %q", key)
	}
	return m
}

// planned is what a batch does to one segment.
type planned struct {
	ExternalID  string   `json:"externalId"`
	Name        string   `json:"name"`
	ContextKind string   `json:"contextKind"`
	ExternalURL string   `json:"externalUrl"`
	Add         []string `json:"add"`
	Remove      []string `json:"remove"`
}

func plan(tool Key, b *segment.Batch) map[segment.Key]planned {
	plans := map[segment.Key]planned{}
	for _, c := range b.Cohorts {
		p := planned{ExternalID: c.ExternalID, Name: c.Name, ContextKind: string(b.Kind), ExternalURL: c.URL, Add: []string{}, Remove: []string{}}
		p.Add, p.Remove = members(c.Changes)
		plans[SegmentKey(tool, c.ExternalID)] = p
	}
	return plans
}

// members folds changes and returns in order of their keys who joins and who leaves.
func members(c *segment.Changes) (add, remove []string) {
	add, remove = []string{}, []string{}
	c.Compact()
	for ch := range c.All() {
		switch ch.Ops {
		case segment.Include:
			add = append(add, string(ch.Key))
		case segment.Uninclude:
			remove = append(remove, string(ch.Key))
		}
	}
	slices.Sort(add)
	slices.Sort(remove)
	return add, remove
}

func TestSamples(t *testing.T) {
	raw, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var expected map[string]struct {
		Integration    string                  `json:"integration"`
		Status         int                     `json:"status"`
		Segments       map[segment.Key]planned `json:"segments"`
		SkippedMembers int                     `json:"skippedMembers"`
		Noop           bool                    `json:"noop"`
		Error          string                  `json:"error"`
	}
	if err := json.Unmarshal(raw, &expected); err != nil {
		t.Fatal(err)
	}
	for file, want := range expected {
		t.Run(file, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join("testdata/samples", file))
			if err != nil {
				t.Fatal(err)
			}
			m := shippedTool(t, want.Integration)
			p, err := m.Parse(bytes.NewReader(body), "")
			if want.Error != "" {
				if fault.KindOf(err) != fault.Invalid {
					t.Fatalf("error is %v, want an invalid request for %s", err, want.Error)
				}
				if status, _ := m.Reply(p, Outcome{Status: 400, ErrorMessage: err.Error()}); status != want.Status {
					t.Errorf("status %d, want %d", status, want.Status)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if status, _ := m.Reply(p, Outcome{}); status != want.Status {
				t.Errorf("status %d, want %d", status, want.Status)
			}
			got := plan(m.Key, p.Batch)
			for key, seg := range want.Segments {
				slices.Sort(seg.Add)
				slices.Sort(seg.Remove)
				if want.Noop {
					seg.ExternalURL = got[key].ExternalURL // the expectations leave it out where nothing changes
				}
				want.Segments[key] = seg
			}
			if d := cmp.Diff(want.Segments, got); d != "" {
				t.Errorf("segments (-want +got):\n%s", d)
			}
			if p.Batch.Skipped != want.SkippedMembers {
				t.Errorf("skipped %d, want %d", p.Batch.Skipped, want.SkippedMembers)
			}
			if p.Batch.Environment != "64b0c9f2a1d3e4f5061728aa" {
				t.Errorf("environment %q", p.Batch.Environment)
			}
			changes := 0
			for _, c := range p.Batch.Cohorts {
				changes += c.Changes.Len()
			}
			if (changes == 0) != want.Noop {
				t.Errorf("%d changes, noop should be %v", changes, want.Noop)
			}
		})
	}
}

func TestSegmentKey(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, tt := range map[string]struct {
		tool Key
		id   string
		want segment.Key
	}{
		"a plain cohort id stays as it is":                   {"amplitude", "q7x2m9ka", "amplitude-q7x2m9ka"},
		"case, dots, dashes and underscores stay":            {"census-synced-segments", "Seg_A.b-c", "census-synced-segments-Seg_A.b-c"},
		"other characters become one dash and a hash":        {"fulcrum", "Night owls / DE #2", "fulcrum-Night-owls-DE-2-ac589e0c"},
		"an id of nothing but other characters keeps a hash": {"fulcrum", "☕☕", "fulcrum-16c88880"},
		"a long id is cut": {
			"fulcrum", long, segment.Key("fulcrum-" + strings.Repeat("x", 100) + "-0d4e2ca9"),
		},
		"a key of 256 bytes is not cut": {"fulcrum", strings.Repeat("x", 248), segment.Key("fulcrum-" + strings.Repeat("x", 248))},
	} {
		t.Run(name, func(t *testing.T) {
			if got := SegmentKey(tt.tool, tt.id); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if SegmentKey("fulcrum", "a b") == SegmentKey("fulcrum", "a/b") {
		t.Error("different cohort ids share a key")
	}
}
