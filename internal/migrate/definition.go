package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"muster/internal/catalog"
)

// maxPutBytes bounds one request with SDK data; muster takes 64 MiB.
const maxPutBytes = 16 << 20

// sdkData is everything that an SDK of an environment holds, in LaunchDarkly's SDK data model.
type sdkData struct {
	Flags    map[string]json.RawMessage `json:"flags"`
	Segments map[string]json.RawMessage `json:"segments"`
}

// definition is one flag or segment of it.
type definition struct {
	kind kind
	key  string
	text json.RawMessage
	made bool // whether it says nothing here yet
}

// targeting carries over what decides who gets which variation in an environment.
func (m *migration) targeting(ctx context.Context, project string, env object, lost map[string]bool) error {
	key := env.text("key")
	lostSegments := map[string]bool{}
	rules, err := m.segments(ctx, project, key, lostSegments)
	if err != nil {
		return err
	}
	from, err := m.sdkData(ctx, env.text("apiKey"))
	if err != nil {
		return m.lost(environments, project+"/"+key, err)
	}
	var here sdkData
	if _, err := m.muster.get(ctx, path("projects", project, "environments", key, "sdk-data"), &here); err != nil {
		return m.lost(environments, project+"/"+key, err)
	}
	p := &putting{migration: m, project: project, env: key}
	for _, segmentKey := range slices.Sorted(maps.Keys(from.Segments)) {
		if !lostSegments[segmentKey] {
			p.weigh(segmentDefinitions, segmentKey, from.Segments[segmentKey], here.Segments[segmentKey])
		}
	}
	for _, flagKey := range slices.Sorted(maps.Keys(from.Flags)) {
		if !lost[flagKey] && !m.archivedFlags[project+"/"+flagKey] {
			p.weigh(flagConfigurations, flagKey, from.Flags[flagKey], here.Flags[flagKey])
		}
	}
	if err := p.putAll(ctx); err != nil {
		return err
	}
	defer m.tell(project + "/" + key)
	for _, segmentKey := range slices.Sorted(maps.Keys(rules)) {
		if lostSegments[segmentKey] {
			continue
		}
		name := project + "/" + key + "/" + segmentKey
		err := m.describe(ctx, description{
			name: "segment " + name, rules: rules[segmentKey], fresh: m.fresh["segment "+name],
			at: path("segments", project, key, segmentKey), member: "rules",
			here: func(there object) json.RawMessage { return there["rules"] },
		})
		if err != nil {
			return err
		}
	}
	return m.configurations(ctx, project, key, lost)
}

// sdkData reads what the source gives to the SDKs of the environment with this key.
func (m *migration) sdkData(ctx context.Context, key string) (sdkData, error) {
	var data sdkData
	if !secret(key) {
		return data, &refusal{http.StatusForbidden, "the source's token may not see its SDK key, without which nobody can read its salts; take a token with the action viewSdkKey"}
	}
	c, err := newClient("the source's SDK endpoint", m.FromSDK, key, "check --from-sdk", m.Agent, m.Wait)
	if err != nil {
		return data, err
	}
	const latest = "/sdk/latest-all"
	text, err := c.call(ctx, http.MethodGet, latest, nil)
	if err != nil {
		return data, err
	}
	return data, c.decode(text, latest, &data)
}

// putting collects what is to be written into one environment.
type putting struct {
	*migration
	project, env string
	all          []definition
}

// weigh decides what becomes of one definition.
func (p *putting) weigh(k kind, key string, from, here json.RawMessage) {
	name := p.project + "/" + p.env + "/" + key
	same, err := equal(k, from, here)
	switch {
	case err != nil:
		p.failed(k, name, err)
	case same:
		p.same(k)
	case k == segmentDefinitions && grown(from, here):
		p.same(k)
		p.grown = append(p.grown, name)
	case here == nil, p.fresh[p.of(k, key)], untouched(here):
		p.all = append(p.all, definition{k, key, from, true})
	case p.Overwrite:
		p.all = append(p.all, definition{k, key, from, false})
	default:
		p.differs(k, name, nil)
	}
}

// of returns the id of the object that a definition belongs to.
func (p *putting) of(k kind, key string) string {
	if k == segmentDefinitions {
		return "segment " + p.project + "/" + p.env + "/" + key
	}
	return "flag " + p.project + "/" + key
}

// putAll writes what was collected, in requests that muster takes.
func (p *putting) putAll(ctx context.Context) error {
	var batch []definition
	size := 0
	for _, d := range p.all {
		if size+len(d.text) > maxPutBytes && len(batch) > 0 {
			if err := p.put(ctx, batch); err != nil {
				return err
			}
			batch, size = nil, 0
		}
		batch, size = append(batch, d), size+len(d.text)
	}
	return p.put(ctx, batch)
}

// put writes a batch. If it is refused, the halves are tried, so that one definition that muster does
// not take is in nobody's way.
func (p *putting) put(ctx context.Context, batch []definition) error {
	if len(batch) == 0 {
		return nil
	}
	data := sdkData{Flags: map[string]json.RawMessage{}, Segments: map[string]json.RawMessage{}}
	for _, d := range batch {
		if d.kind == segmentDefinitions {
			data.Segments[d.key] = d.text
		} else {
			data.Flags[d.key] = d.text
		}
	}
	var err error
	if !p.DryRun {
		_, err = p.muster.call(ctx, http.MethodPut, path("projects", p.project, "environments", p.env, "sdk-data"), data)
	}
	switch {
	case ends(err):
		return fmt.Errorf("write the SDK data of %s/%s: %w", p.project, p.env, err)
	case err != nil && len(batch) > 1:
		half := len(batch) / 2
		return errors.Join(p.put(ctx, batch[:half]), p.put(ctx, batch[half:]))
	}
	for _, d := range batch {
		name := p.project + "/" + p.env + "/" + d.key
		switch {
		case err != nil:
			p.failed(d.kind, name, err)
		case d.made:
			p.count(d.kind)
		default:
			p.changed(d.kind, name, nil)
		}
	}
	p.tell(p.project + "/" + p.env)
	return nil
}

// equal reports whether two definitions are the same to every SDK, versions apart.
func equal(k kind, from, here json.RawMessage) (bool, error) {
	if here == nil {
		return false, nil
	}
	if k == segmentDefinitions {
		return equalSegments(from, here)
	}
	return equalFlags(from, here)
}

func equalFlags(from, here json.RawMessage) (bool, error) {
	const env = "e"
	a, err := catalog.ParseSDKFlag(from, env)
	if err != nil {
		return false, err
	}
	b, err := catalog.ParseSDKFlag(here, env)
	if err != nil {
		return false, err
	}
	x, y := a.Environments[env], b.Environments[env]
	x.Version = y.Version
	if x.Salt == "" { // muster makes one
		x.Salt = y.Salt
	}
	for i := range min(len(x.Rules), len(y.Rules)) {
		if x.Rules[i].ID == "" {
			x.Rules[i].ID = y.Rules[i].ID
		}
	}
	a.Normalize()
	b.Normalize()
	return bytes.Equal(catalog.FlagDefinition(a, env).JSON, catalog.FlagDefinition(b, env).JSON), nil
}

func equalSegments(from, here json.RawMessage) (bool, error) {
	a, err := catalog.ParseSDKSegment(from)
	if err != nil {
		return false, err
	}
	b, err := catalog.ParseSDKSegment(here)
	if err != nil {
		return false, err
	}
	a.Version, a.Generation = b.Version, b.Generation
	if a.Salt == "" { // muster makes one
		a.Salt = b.Salt
	}
	for i := range min(len(a.Rules), len(b.Rules)) {
		if a.Rules[i].ID == "" {
			a.Rules[i].ID = b.Rules[i].ID
		}
	}
	a.Normalize()
	b.Normalize()
	return bytes.Equal(catalog.SegmentDefinition(a).JSON, catalog.SegmentDefinition(b).JSON), nil
}

// grown reports whether a list of the source has become a big segment in muster.
func grown(from, here json.RawMessage) bool {
	return !read[object](from).truth("unbounded") && read[object](here).truth("unbounded")
}
