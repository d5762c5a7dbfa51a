// Package migrate carries what an account of LaunchDarkly holds, or of another muster, over into a
// running muster, through the APIs of both.
//
// The REST API gives names, tags, descriptions and archived flags. What decides who gets which
// variation is taken from where SDKs take it, with salts, seeds and versions, and written through
// sdk-data: so every percentage rollout keeps everybody where they are. Each write is one request
// that muster applies whole or not at all. Nothing is deleted. What muster has already is left alone
// unless it is the same, says nothing yet, or may be overwritten; so a migration that broke off is
// simply run again. Memory is bounded by the SDK data of one environment.
//
// The credentials of either side are seen by that side only, apart from the keys of environments
// that are to be kept.
package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Options say what is carried over from where to where.
type Options struct {
	From      string // address of the source's REST API
	FromSDK   string // address of its SDK endpoints; "" derives it
	FromToken string
	To        string // address of the muster
	Token     string // of an administrator of the muster
	Agent     string // User-Agent

	Projects     []string // keys; none: all
	Environments []string // keys; none: all
	Roles        bool     // custom roles too
	KeepKeys     bool     // new environments get the keys and the client-side ID of the source's
	Overwrite    bool     // what differs becomes what the source has
	DryRun       bool     // nothing is written

	Out  io.Writer    // gets a line for each object that is not the same already
	Wait func(string) // is told why nothing happens for a while
}

// migration is one run.
type migration struct {
	Options
	*Report
	source, muster *client
	seen           map[string]bool // environments of the source that were asked for and found
	fresh          map[string]bool // objects that this run made, or would make
	archivedFlags  map[string]bool // SDKs of muster don't see them
	maintained     int             // flags that have a maintainer
	memberless     []string        // segments whose members were not carried over
	grown          []string        // segments that are big ones in muster by now
}

// Run carries everything over. The report tells what was done before an error too; what could not
// be carried over by itself is in the report and no error.
func Run(ctx context.Context, o Options) (*Report, error) {
	m := &migration{Options: o, Report: &Report{out: o.Out, dry: o.DryRun}, seen: map[string]bool{}, fresh: map[string]bool{}, archivedFlags: map[string]bool{}}
	var err error
	if m.source, err = newClient("the source", o.From, o.FromToken, "check --from-token or MUSTER_FROM_TOKEN", o.Agent, o.Wait); err != nil {
		return m.Report, err
	}
	if m.muster, err = newClient("muster", o.To, o.Token, "check --token or MUSTER_TOKEN", o.Agent, o.Wait); err != nil {
		return m.Report, err
	}
	if m.FromSDK == "" {
		sdk := *m.source.base
		if rest, ok := strings.CutPrefix(sdk.Host, "app."); ok {
			sdk.Host = "sdk." + rest
		}
		m.FromSDK = sdk.String()
	}
	err = m.projects(ctx)
	if err == nil && m.Roles {
		err = m.roles(ctx)
	}
	m.conclude(err == nil)
	return m.Report, err
}

// conclude says at the end what is not in the counts.
func (m *migration) conclude(whole bool) {
	for _, key := range m.Environments {
		if whole && !m.seen[key] {
			m.failed(environments, key, errors.New("none of the projects has it"))
		}
	}
	if len(m.memberless) > 0 {
		m.note("big segments that are here without members, which no definition holds; a full sync of the tool brings them, or `muster import segment`: %s", several(m.memberless))
	}
	if len(m.grown) > 0 {
		m.note("lists of the source that are big segments here by now, so their members were not compared: %s", several(m.grown))
	}
	if m.maintained > 0 {
		m.note("flags that have a maintainer in the source and none here, because account members are not carried over: %d", m.maintained)
	}
}

// several names some of many.
func several(all []string) string {
	const some = 20
	if len(all) <= some {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:some], ", "), len(all)-some)
}

// ends reports whether an error ends the migration, instead of concerning one object: the server
// does not answer, has no time, or knows the credential no more.
func ends(err error) bool {
	if err == nil {
		return false
	}
	status := refused(err)
	return status == 0 || status == http.StatusUnauthorized || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// thing is an object of the source with what muster has in its place.
type thing struct {
	kind   kind
	name   string
	source object
	target object // nil: there is none
	// members are what is compared.
	members []string
	// free reports whether these differences may go without being overwritten.
	free func(differing []string) bool
	at   string // in muster
	make func() error
	// change makes these members as they are in the source; nil patches the object.
	change func(differing []string) error
}

// settle brings one object over; false if it is not there then.
func (m *migration) settle(ctx context.Context, t thing) (bool, error) {
	if t.source.text("name") == "" {
		t.source["name"] = t.source["key"]
	}
	if t.target == nil {
		if !m.DryRun {
			if err := t.make(); err != nil {
				return false, m.lost(t.kind, t.name, err)
			}
		}
		m.made(t.kind, t.name)
		m.fresh[t.id()] = true
		return true, nil
	}
	differing := t.source.differing(t.target, t.members...)
	switch {
	case len(differing) == 0:
		m.same(t.kind)
	case m.Overwrite || t.free != nil && t.free(differing):
		if !m.DryRun {
			change := t.change
			if change == nil {
				change = func([]string) error { return m.muster.replace(ctx, t.at, t.source.changes(differing)) }
			}
			if err := change(differing); err != nil {
				return true, m.lost(t.kind, t.name, err)
			}
		}
		m.changed(t.kind, t.name, differing)
	default:
		m.differs(t.kind, t.name, differing)
	}
	return true, nil
}

func (t thing) id() string { return names[t.kind][0] + " " + t.name }

// lost keeps why an object could not be carried over; an error that ends the migration is returned.
func (m *migration) lost(k kind, name string, err error) error {
	if ends(err) {
		return err
	}
	m.failed(k, name, err)
	return nil
}

// path returns an address below the API, its parts escaped.
func path(parts ...string) string {
	var b strings.Builder
	b.WriteString("/api/v2")
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// roles carries custom roles over. Those that nobody may read in the source are one failure.
func (m *migration) roles(ctx context.Context) error {
	err := m.source.each(ctx, path("roles")+"?limit=20", func(role object) error {
		return m.role(ctx, role)
	})
	if err != nil {
		if refused(err) == http.StatusForbidden {
			err = &refusal{http.StatusForbidden, err.Error() + "; --no-roles leaves them out"}
		}
		return m.lost(customRoles, "*", err)
	}
	return nil
}

func (m *migration) role(ctx context.Context, role object) error {
	key := role.text("key")
	var there object
	if _, err := m.muster.get(ctx, path("roles", key), &there); err != nil {
		return m.lost(customRoles, key, err)
	}
	members := []string{"name", "description", "policy"}
	if role.text("basePermissions") != "" {
		members = append(members, "basePermissions")
	}
	_, err := m.settle(ctx, thing{
		kind: customRoles, name: key, at: path("roles", key), source: role, target: there, members: members,
		make: func() error {
			_, err := m.muster.call(ctx, http.MethodPost, path("roles"), role.only("key", "name", "description", "policy", "basePermissions", "resourceCategory"))
			return err
		},
	})
	return err
}

// wanted reports whether a key is among those that were asked for; all are if none was named.
func wanted(key string, keys []string) bool { return len(keys) == 0 || slices.Contains(keys, key) }
