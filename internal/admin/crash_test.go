package admin_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/policy"
)

// story is one change of each object that there is, one after the other.
var story = []write{
	named("create a project"), named("rename a project"), named("add a context kind"),
	named("create an environment"), named("secure mode"), named("rotate the SDK key"),
	named("create a segment"), named("two effects on a segment"), named("segment rules"),
	named("create a flag"), named("on in both environments"), named("flag rules"), named("prerequisites"), named("name a variation"),
	{"create a role", nil, func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.CreateRole(t.Context(), who, admin.NewRole{Key: "r", Name: "R", Policy: []policy.Statement{allow("*", "*")}})
		return err
	}},
	{"change a role", nil, func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.ChangeRole(t.Context(), who, "r", admin.Change{}, func(r *catalog.Role) error { r.Name = "New"; return nil })
		return err
	}},
	{"create a token", nil, func(t testing.TB, h house, who catalog.Caller) error {
		_, _, err := h.CreateToken(t.Context(), who, admin.NewToken{Name: "t", Service: true, Role: catalog.RoleReader})
		return err
	}},
	{"reset a token", nil, func(t testing.TB, h house, who catalog.Caller) error {
		_, _, err := h.ResetToken(t.Context(), who, h.store.Tokens()[0].ID, clock.Add(time.Hour))
		return err
	}},
	{"add members", nil, func(t testing.TB, h house, who catalog.Caller) error {
		_, err := h.AddMembers(t.Context(), who, []admin.NewMember{{Email: "a@x.test", Role: catalog.RoleReader}, {Email: "b@x.test", Role: catalog.RoleReader}})
		return err
	}},
	{"import SDK data", nil, func(t testing.TB, h house, who catalog.Caller) error {
		return h.PutSDKData(t.Context(), who, "web", "production", []byte(`{"flags":{"in":{"key":"in","version":3,"on":true,"variations":[true,false],"fallthrough":{"variation":0},"salt":"s"}},"segments":{"in":{"key":"in","version":2,"included":["ann"],"salt":"s"}}}`))
	}},
	{"delete a token", nil, func(t testing.TB, h house, who catalog.Caller) error {
		return h.DeleteToken(t.Context(), who, h.store.Tokens()[0].ID)
	}},
	{"delete a role", nil, func(t testing.TB, h house, who catalog.Caller) error { return h.DeleteRole(t.Context(), who, "r") }},
	named("delete a flag"), named("delete a segment"), named("delete an environment"), named("delete a project"),
}

func named(name string) write {
	for _, w := range writes {
		if w.name == name {
			return w
		}
	}
	panic("no write " + name)
}

// cut is what a disk holds after an end at one moment.
type cut struct {
	moment string
	disk   *vfs.MemFS
}

// TestAChangeItsAuditEntryAndItsLogEntryAreThereTogether ends the process before every operation that
// changes the disk, keeping nothing that was not synced, or all of it. What is left of a write is all
// of it, in the catalog, in the audit log and in the logs of environments, or nothing; and all of it
// once it was answered.
func TestAChangeItsAuditEntryAndItsLogEntryAreThereTogether(t *testing.T) {
	disk := vfs.NewCrashableMem()
	h, end := openHouse(t, disk, func(err error) { t.Errorf("store failed: %v", err) })
	h.furnish(t)
	end()

	var mu sync.Mutex
	var cuts []cut
	injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFileClose {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		for _, kept := range []int{0, 100} {
			c := vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rand.New(rand.NewPCG(1, 1))}
			cuts = append(cuts, cut{fmt.Sprintf("before operation %d on %s, keeping %d %% of what was not synced", op.Kind, op.Path, kept), disk.CrashClone(c)})
		}
		return nil
	})
	h, end = openHouse(t, errorfs.Wrap(disk, injector), func(err error) { t.Errorf("store failed: %v", err) })
	defer end()
	taken := func() []cut {
		mu.Lock()
		defer mu.Unlock()
		all := cuts
		cuts = nil
		return all
	}
	taken() // what a start does is not of this test
	before := h.everything(t)
	outcomes := map[string]int{}
	for _, w := range story {
		must(t, w.do(t, h, root))
		after := h.everything(t)
		if before == after {
			t.Fatalf("%s changes nothing", w.name)
		}
		answered := cut{"after the answer", disk.CrashClone(vfs.CrashCloneCfg{})}
		for _, c := range append(taken(), answered) {
			left, end := openHouse(t, c.disk, func(err error) { t.Errorf("store failed: %v", err) })
			got := left.everything(t)
			end()
			switch {
			case got == after:
				outcomes["whole"]++
			case got == before && c != answered:
				outcomes["nothing"]++
			default:
				t.Fatalf("%s, %s: the store holds\n%s\nneither what was before\n%s\nnor what is after\n%s", w.name, c.moment, got, before, after)
			}
		}
		before = after
	}
	// The answers alone account for one outcome of each write.
	if outcomes["nothing"] == 0 || outcomes["whole"] <= len(story) {
		t.Errorf("no end came in the middle of a write: %v", outcomes)
	}
	t.Logf("%d ends left nothing of a write, %d all of it", outcomes["nothing"], outcomes["whole"])
}

// everything is what people configured, the audit log, and the logs of all environments.
func (h house) everything(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(h.dump(t))
	for e, err := range h.store.AuditEntries(t.Context(), time.Time{}) {
		must(t, err)
		fmt.Fprintf(&b, "\naudit %s %s %s %v %s %s", e.ID, e.TitleVerb, e.Target, e.Accesses, e.Before, e.After)
	}
	for _, p := range h.store.Projects() {
		for _, env := range h.store.Environments(p.Key) {
			for entry, err := range h.store.Entries(t.Context(), env.ID, 0) {
				must(t, err)
				text, err := json.Marshal(entry.Definitions)
				must(t, err)
				fmt.Fprintf(&b, "\nlog %s %d %s %t %d %s", env.ID, entry.Revision, entry.At, entry.Environment, len(entry.Members), text)
			}
		}
	}
	return b.String()
}
