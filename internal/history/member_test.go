package history_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// big is the segment that every test starts with.
var big = history.Target{Project: "web", Environment: "production", Segment: "big"}

// insider may do everything that the read side asks for.
func insider() catalog.Caller {
	c := viewer("proj/*")
	c.Principal.Roles[0].Policy = append(c.Principal.Roles[0].Policy, policy.Statement{
		Effect: policy.Allow, Actions: []string{"viewMembers", "exportMembers"}, Resources: []string{"proj/*:env/*:segment/*"},
	})
	return c
}

// apply changes members of the segment "big" and records the run.
func apply(t testing.TB, s store.Store, ops segment.Ops, keys ...string) segment.RunID {
	t.Helper()
	changes := new(segment.Changes)
	for _, k := range keys {
		changes.Append([]byte(k), ops)
	}
	staged, err := s.Stage(t.Context(), changes)
	if err != nil {
		t.Fatal(err)
	}
	id := segment.RunID(catalog.NewID())
	_, err = s.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error {
		effect, err := tx.Apply(production, "big", staged)
		tx.Record(segment.Run{
			ID: id, Env: production, Segment: "big", Kind: segment.PushRun, State: segment.RunLive, Tool: "heap", ReceivedAt: time.Now(),
			Received: len(keys), Added: effect.Added, Removed: effect.Removed, Unchanged: effect.Unchanged,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// replace makes the keys the members of the segment "big" and records the run. With hold the list is
// only kept.
func replace(t testing.TB, s store.Store, hold bool, keys ...string) segment.RunID {
	t.Helper()
	id := segment.RunID(catalog.NewID())
	run := segment.Run{ID: id, Env: production, Segment: "big", Kind: segment.ImportRun, State: segment.RunLive, Mode: segment.Replace, Received: len(keys), ReceivedAt: time.Now()}
	update := func(fn func(store.Tx) error) {
		t.Helper()
		if _, err := s.Update(t.Context(), store.Scope{Env: production}, fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx store.Tx) error {
		tx.OpenSession(store.Session{Env: production, Segment: "big", ID: id})
		return nil
	})
	load, err := s.Load(t.Context(), store.LoadReplace)
	if err != nil {
		t.Fatal(err)
	}
	defer load.Discard()
	w := load.Writer()
	for _, k := range keys {
		if err := w.Append([]byte(k)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	staged, diff, err := load.Seal(t.Context(), production, "big", id)
	if err != nil {
		t.Fatal(err)
	}
	update(func(tx store.Tx) error {
		if hold {
			run.State, run.Hold = segment.RunHeld, &segment.Hold{Added: diff.Added, Removed: diff.Removed}
			tx.Record(run)
			return tx.Keep(production, "big", id, -1, staged)
		}
		effect, err := tx.Publish(production, "big", store.Publication{Session: id, Staged: staged, Reason: segment.PointReplace, Run: id})
		tx.CloseSession(production, "big", id)
		run.Added, run.Removed, run.Unchanged = effect.Added, effect.Removed, effect.Unchanged
		tx.Record(run)
		return err
	})
	return id
}

func numbered(from, to int) []string {
	var keys []string
	for i := from; i < to; i++ {
		keys = append(keys, fmt.Sprintf("user-%d", i))
	}
	return keys
}

// walk pages through the members and calls between after each page.
func walk(t testing.TB, h *history.History, q history.MemberQuery, between func(history.MemberPage)) []string {
	t.Helper()
	var keys []string
	for range 1000 {
		page, err := h.Members(t.Context(), insider(), big, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) > q.Limit {
			t.Fatalf("a page of %d members, asked for %d", len(page.Items), q.Limit)
		}
		for _, m := range page.Items {
			keys = append(keys, m.Key)
		}
		if between(page); page.Next == "" {
			return keys
		}
		q.After = page.Next
	}
	t.Fatal("there is always a next page")
	return nil
}

func TestEveryMemberIsOnOnePageOfOneMoment(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h, s := newHistory(t)
		want := map[string]bool{"ann": true}
		for range rapid.IntRange(0, 3).Draw(rt, "writes") {
			keys := rapid.SliceOfN(rapid.SampledFrom(numbered(0, 60)), 1, 40).Draw(rt, "keys")
			ops := rapid.SampledFrom([]segment.Ops{segment.Include, segment.Uninclude, segment.Exclude}).Draw(rt, "ops")
			apply(t, s, ops, keys...)
			for _, k := range keys {
				switch ops {
				case segment.Include:
					want[k] = true
				case segment.Uninclude:
					delete(want, k)
				}
			}
		}
		var first history.MemberPage
		n := 0
		got := walk(t, h, history.MemberQuery{Limit: rapid.IntRange(1, 30).Draw(rt, "limit")}, func(p history.MemberPage) {
			if n++; n == 1 {
				first = p
			}
			if p.Revision != first.Revision || p.At != first.At || p.Counts.Included != int64(len(want)) {
				rt.Fatalf("page %d is of revision %d with %d members, the first of %d with %d", n, p.Revision, p.Counts.Included, first.Revision, len(want))
			}
			apply(t, s, rapid.SampledFrom([]segment.Ops{segment.Include, segment.Uninclude}).Draw(rt, "meanwhile"), numbered(n, n+5)...)
		})
		slices.Sort(got)
		if keys := slices.Sorted(maps.Keys(want)); !slices.Equal(got, keys) {
			rt.Fatalf("pages hold %v, want %v", got, keys)
		}
	})
}

func TestSearchFindsTheExactKeyFirst(t *testing.T) {
	h, s := newHistory(t)
	apply(t, s, segment.Include, append(numbered(0, 300), "user", "usher")...)
	got := walk(t, h, history.MemberQuery{Prefix: "user-1", Limit: 7}, func(history.MemberPage) {})
	var want []string
	for _, k := range numbered(0, 300) {
		if strings.HasPrefix(k, "user-1") {
			want = append(want, k)
		}
	}
	if got[0] != "user-1" {
		t.Errorf("the first is %s", got[0])
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if got := walk(t, h, history.MemberQuery{Prefix: "nobody", Limit: 7}, func(history.MemberPage) {}); len(got) != 0 {
		t.Errorf("found %v", got)
	}
}

func TestMemberWhoseKeyIsUnknownHasItsHash(t *testing.T) {
	h, s := newHistory(t)
	applyHash(t, s, segment.HashOf("secret"))
	page, err := h.Members(t.Context(), insider(), big, history.MemberQuery{Limit: 10})
	if err != nil || !slices.Contains(page.Items, history.Member{Hash: segment.HashOf("secret")}) {
		t.Errorf("members %v, %v", page.Items, err)
	}
}

// applyHash includes a context of which only the hash is known.
func applyHash(t testing.TB, s store.Store, hash segment.Hash) {
	t.Helper()
	changes := new(segment.Changes)
	changes.AppendHash(hash, segment.Include)
	staged, err := s.Stage(t.Context(), changes)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Update(t.Context(), store.Scope{Env: production}, func(tx store.Tx) error {
		_, err := tx.Apply(production, "big", staged)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestQuestionsAboutMembersNeedTheRight(t *testing.T) {
	h, s := newHistory(t)
	run := apply(t, s, segment.Include, "x")
	small := history.Target{Project: "web", Environment: "production", Segment: "small"}
	for name, ask := range map[string]func(catalog.Caller, history.Target) error{
		"members": func(who catalog.Caller, at history.Target) error {
			_, err := h.Members(t.Context(), who, at, history.MemberQuery{Limit: 1})
			return err
		},
		"timeline": func(who catalog.Caller, at history.Target) error {
			_, err := h.Timeline(t.Context(), who, at, "ann")
			return err
		},
		"diff": func(who catalog.Caller, at history.Target) error {
			_, err := h.Diff(t.Context(), who, at, history.Current, history.Current)
			return err
		},
		"run diff": func(who catalog.Caller, at history.Target) error {
			_, _, err := h.RunDiff(t.Context(), who, at, run)
			return err
		},
		"changes of a held run": func(who catalog.Caller, at history.Target) error {
			_, err := h.HeldChanges(t.Context(), who, at, run)
			return err
		},
		"a context of a held run": func(who catalog.Caller, at history.Target) error {
			_, _, err := h.HeldContext(t.Context(), who, at, run, "ann")
			return err
		},
		"rejects": func(who catalog.Caller, at history.Target) error {
			doc, err := h.Rejects(t.Context(), who, at, run)
			if doc != nil {
				err = errors.Join(err, doc.Close())
			}
			return err
		},
		"export": func(who catalog.Caller, at history.Target) error {
			_, err := h.StartExport(t.Context(), who, at, history.ExportCSV, "")
			return err
		},
	} {
		if err := ask(viewer("proj/shop"), big); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s of a hidden project: %v", name, err)
		}
		if err := ask(viewer("proj/*"), big); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s for who may see the project only: %v", name, err)
		}
		if name == "export" || name == "rejects" { // lists have these too
			continue
		}
		if err := ask(insider(), small); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s of a segment that lists its targets: %v", name, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	h, s := newHistory(f)
	apply(f, s, segment.Include, numbered(0, 20)...)
	page, err := h.Members(f.Context(), insider(), big, history.MemberQuery{Limit: 1})
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"", page.Next, "x", "AAAA", strings.Repeat("_", 54), page.Next + "A"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, after string) {
		page, err := h.Members(t.Context(), insider(), big, history.MemberQuery{Limit: 5, After: after})
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatal(err)
		}
		if len(page.Items) > 5 {
			t.Fatalf("%d members", len(page.Items))
		}
	})
}
