package admin_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
)

func TestNewFlags(t *testing.T) {
	h := furnished(t)
	f, err := h.Flag(t.Context(), root, "web", "checkout")
	must(t, err)
	if !f.Boolean() || !f.Variations[0].Value.BoolValue() || f.Variations[0].ID == "" || !f.Temporary || f.Defaults != (catalog.Defaults{On: 0, Off: 1}) {
		t.Errorf("got %+v", f)
	}
	for env, c := range f.Environments {
		if c.On || c.Version != 1 || *c.Fallthrough.Variation != 0 || *c.OffVariation != 1 || c.Salt == "" {
			t.Errorf("%s: %+v", env, c)
		}
	}
	if f.Environments["test"].Salt == f.Environments["production"].Salt {
		t.Error("two environments share a salt")
	}
	f, err = h.CreateFlag(t.Context(), root, "web", admin.NewFlag{
		Key: "colour", Name: "Colour", On: true, Temporary: new(false), Defaults: &catalog.Defaults{On: 2, Off: 1},
		Variations:   []catalog.Variation{{Value: ldvalue.String("red")}, {Value: ldvalue.String("green")}, {Value: ldvalue.String("blue")}},
		Availability: &catalog.Availability{EnvironmentID: true},
	})
	must(t, err)
	c := f.Environments["production"]
	if !c.On || *c.Fallthrough.Variation != 2 || *c.OffVariation != 1 || f.Temporary || f.Availability.MobileKey {
		t.Errorf("got %+v %+v", f, c)
	}
	_, err = h.CreateFlag(t.Context(), root, "web", admin.NewFlag{Key: "bad", Name: "Bad", MaintainerID: "64b0c9f2a1d3e4f5061728ff"})
	wantKind(t, err, fault.Invalid)
	_, err = h.CreateFlag(t.Context(), root, "web", admin.NewFlag{Key: "bad", Name: "Bad", Defaults: &catalog.Defaults{On: 5}})
	wantKind(t, err, fault.Invalid)
}

func TestFlagVersions(t *testing.T) {
	h := furnished(t)
	version := func(f *catalog.Flag) [3]int {
		return [3]int{f.Version, f.Environments["test"].Version, f.Environments["production"].Version}
	}
	tests := []struct {
		name   string
		change func(*catalog.Flag)
		want   [3]int // of the flag, in test, in production
	}{
		{"targeting concerns its environment", func(f *catalog.Flag) { f.Environments["test"].On = true }, [3]int{2, 2, 1}},
		{"SDKs don't see a name", func(f *catalog.Flag) { f.Name = "New" }, [3]int{3, 2, 1}},
		{"SDKs see availability everywhere", func(f *catalog.Flag) { f.Availability.EnvironmentID = true }, [3]int{4, 3, 2}},
		{"SDKs don't see a rule's description", func(f *catalog.Flag) {
			f.Environments["test"].Rules = []catalog.FlagRule{{ID: "r", Serve: catalog.Serve{Variation: new(0)}}}
		}, [3]int{5, 4, 2}},
		{"as said", func(f *catalog.Flag) { f.Environments["test"].Rules[0].Description = "d" }, [3]int{6, 4, 2}},
		{"an archived flag vanishes everywhere", func(f *catalog.Flag) { f.Archived = true }, [3]int{7, 5, 3}},
		{"and does not change there", func(f *catalog.Flag) { f.Environments["test"].On = false }, [3]int{8, 5, 3}},
		{"until it is restored", func(f *catalog.Flag) { f.Archived = false }, [3]int{9, 6, 4}},
	}
	for _, tt := range tests {
		f, err := h.changeFlag(t, "checkout", tt.change)
		must(t, err)
		if got := version(f); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	must(t, h.deleteFlag(t, root, "web", "checkout"))
	f, err := h.CreateFlag(t.Context(), root, "web", admin.NewFlag{Key: "checkout", Name: "Again"})
	must(t, err)
	if f.Environments["test"].Version <= 6 || f.Environments["production"].Version <= 4 {
		t.Errorf("created again: %v", version(f))
	}
}

// Every definition that an environment's log carries of a flag has a version above the one before.
func TestSDKsNeverSeeAVersionTwice(t *testing.T) {
	h := furnished(t)
	changes := []func(*catalog.Flag){
		func(f *catalog.Flag) { f.Environments["test"].On = true },
		func(f *catalog.Flag) { f.Archived = true },
		func(f *catalog.Flag) { f.Name = "New" },
		func(f *catalog.Flag) { f.Archived = false },
	}
	for _, change := range changes {
		_, err := h.changeFlag(t, "checkout", change)
		must(t, err)
	}
	must(t, h.deleteFlag(t, root, "web", "checkout"))
	_, err := h.CreateFlag(t.Context(), root, "web", admin.NewFlag{Key: "checkout", Name: "Again"})
	must(t, err)

	last, seen := 0, 0
	for e, err := range h.store.Entries(t.Context(), h.env(t, "web", "test").ID, 0) {
		must(t, err)
		for _, d := range e.Definitions {
			if d.Kind != segment.FlagDefinition || d.Key != "checkout" {
				continue
			}
			if seen++; d.Version <= last {
				t.Errorf("revision %d: version %d after %d", e.Revision, d.Version, last)
			}
			last = d.Version
		}
	}
	if seen != 6 {
		t.Errorf("%d definitions, want 6: created, on, archived, restored, deleted, created", seen)
	}
}

func TestFlagTimes(t *testing.T) {
	h := furnished(t)
	f, err := h.changeFlag(t, "checkout", func(f *catalog.Flag) { f.Archived, f.Deprecated = true, true })
	must(t, err)
	if !f.ArchivedAt.Equal(clock) || !f.DeprecatedAt.Equal(clock) {
		t.Errorf("got %v and %v", f.ArchivedAt, f.DeprecatedAt)
	}
	f, err = h.changeFlag(t, "checkout", func(f *catalog.Flag) { f.Archived = false })
	must(t, err)
	if !f.ArchivedAt.IsZero() || !f.DeprecatedAt.Equal(clock) {
		t.Errorf("got %v and %v", f.ArchivedAt, f.DeprecatedAt)
	}
}

func TestARolloutReplacesAVariation(t *testing.T) {
	h := furnished(t)
	rollout := &catalog.Rollout{Variations: []catalog.WeightedVariation{{Variation: 0, Weight: 50000}, {Variation: 1, Weight: 50000}}}
	f, err := h.changeFlag(t, "checkout", func(f *catalog.Flag) { f.Environments["test"].Fallthrough.Rollout = rollout })
	must(t, err)
	if s := f.Environments["test"].Fallthrough; s.Variation != nil || s.Rollout == nil {
		t.Errorf("got %+v", s)
	}
	f, err = h.changeFlag(t, "checkout", func(f *catalog.Flag) { f.Environments["test"].Fallthrough.Variation = new(1) })
	must(t, err)
	if s := f.Environments["test"].Fallthrough; s.Variation == nil || s.Rollout != nil {
		t.Errorf("got %+v", s)
	}
}

func TestFlagsThatOthersRequire(t *testing.T) {
	h := furnished(t)
	_, err := h.changeFlag(t, "checkout", func(f *catalog.Flag) {
		f.Environments["test"].Prerequisites = []catalog.Prerequisite{{Key: "payments", Variation: 1}}
	})
	must(t, err)
	err = h.deleteFlag(t, root, "web", "payments")
	wantKind(t, err, fault.Conflict)
	if !strings.Contains(err.Error(), "checkout") {
		t.Errorf("the flag is not named: %v", err)
	}
	_, err = h.changeFlag(t, "payments", func(f *catalog.Flag) { f.Archived = true })
	wantKind(t, err, fault.Conflict)
	_, err = h.changeFlag(t, "payments", func(f *catalog.Flag) {
		f.Variations[0], f.Variations[1] = f.Variations[1], f.Variations[0]
	})
	wantKind(t, err, fault.Conflict)
	_, err = h.changeFlag(t, "payments", func(f *catalog.Flag) {
		f.Environments["test"].Prerequisites = []catalog.Prerequisite{{Key: "checkout"}}
	})
	wantKind(t, err, fault.Invalid)
	_, err = h.changeFlag(t, "payments", func(f *catalog.Flag) {
		f.Environments["production"].Prerequisites = []catalog.Prerequisite{{Key: "checkout"}}
	})
	must(t, err)
}

func TestWhatOfAFlagNeverChanges(t *testing.T) {
	h := furnished(t)
	tests := map[string]func(*catalog.Flag){
		"the key":                    func(f *catalog.Flag) { f.Key = "new" },
		"the project":                func(f *catalog.Flag) { f.Project = "other" },
		"an environment that goes":   func(f *catalog.Flag) { delete(f.Environments, "test") },
		"an environment that is new": func(f *catalog.Flag) { f.Environments["new"] = f.NewConfig() },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := h.changeFlag(t, "checkout", change)
			wantKind(t, err, fault.Invalid)
		})
	}
}

func TestParallelChangesLoseNothing(t *testing.T) {
	h := furnished(t)
	const changes = 64
	var group sync.WaitGroup
	for i := range changes {
		group.Go(func() {
			_, err := h.ChangeFlag(t.Context(), root, "web", "checkout", admin.Change{}, func(f *catalog.Flag) error {
				c := f.Environments["test"]
				c.Rules = append(c.Rules, catalog.FlagRule{ID: fmt.Sprint("r", i), Serve: catalog.Serve{Variation: new(0)}})
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	f, err := h.Flag(t.Context(), root, "web", "checkout")
	must(t, err)
	if n := len(f.Environments["test"].Rules); n != changes || f.Version != changes+1 || f.Environments["test"].Version != changes+1 {
		t.Errorf("%d rules, version %d, in test %d", n, f.Version, f.Environments["test"].Version)
	}
}
