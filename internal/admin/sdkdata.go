package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// SDKData returns the environment's flags and segments as {"flags":{…},"segments":{…}} in the SDK
// data model. Administrators only.
func (a *Admin) SDKData(_ context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey) ([]byte, error) {
	_, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return nil, err
	}
	if err := administers(who); err != nil {
		return nil, err
	}
	definitions, _, err := a.store.Definitions(env.ID)
	if err != nil {
		return nil, fmt.Errorf("read definitions of environment %s: %w", env.ID, err)
	}
	all := sdkDocument{Flags: map[string]json.RawMessage{}, Segments: map[string]json.RawMessage{}}
	for _, d := range definitions {
		switch {
		case d.JSON == nil:
		case d.Kind == segment.FlagDefinition:
			all.Flags[d.Key] = d.JSON
		case d.Kind == segment.SegmentDefinition:
			all.Segments[d.Key] = d.JSON
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write SDK data of environment %s: %w", env.ID, err)
	}
	return b, nil
}

// sdkDocument is everything that an SDK of an environment holds.
type sdkDocument struct {
	Flags    map[string]json.RawMessage `json:"flags"`
	Segments map[string]json.RawMessage `json:"segments"`
}

func administers(who catalog.Caller) error {
	if !who.Administers {
		return fault.Forbiddenf("only administrators may do this; the role of this credential is another")
	}
	return nil
}

// PutSDKData creates or updates every flag and segment named in data, in one step, keeping salts,
// rule ids and versions where those grow. It deletes nothing. Administrators only.
func (a *Admin) PutSDKData(ctx context.Context, who catalog.Caller, p catalog.ProjectKey, e catalog.EnvKey, data []byte) error {
	_, env, err := viewEnvironment(a.store, who, p, e)
	if err != nil {
		return err
	}
	if err := administers(who); err != nil {
		return err
	}
	flags, segments, err := parseSDKDocument(data, e)
	if err != nil {
		return err
	}
	return a.update(ctx, store.Scope{Project: p}, Change{}, func(tx store.Tx) error {
		project, _, err := findEnvironment(tx, p, e)
		if err != nil {
			return err
		}
		i := sdkImport{admin: a, tx: tx, who: who, project: project, env: env}
		for _, s := range segments {
			if err := i.putSegment(s.Clone()); err != nil {
				return err
			}
		}
		for _, f := range flags {
			if err := i.putFlag(f.Clone()); err != nil {
				return err
			}
		}
		if err := i.checkReferences(flags, segments); err != nil {
			return err
		}
		if i.changed == 0 {
			return nil
		}
		es := effects{{policy.ImportSDKData, catalog.EnvironmentResource(project, env)}}
		d := environmentDone(fmt.Sprintf("imported %d flags and segments into", i.changed), project, nil, env)
		d.after = nil
		return a.audit(tx, who, es, d)
	})
}

func parseSDKDocument(data []byte, env catalog.EnvKey) ([]*catalog.Flag, []*catalog.Segment, error) {
	var all sdkDocument
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, nil, fault.Invalidf("SDK data must be an object whose members flags and segments are objects").Because(err)
	}
	var flags []*catalog.Flag
	for _, key := range slices.Sorted(maps.Keys(all.Flags)) {
		f, err := catalog.ParseSDKFlag(all.Flags[key], env)
		if err != nil {
			return nil, nil, err
		}
		if string(f.Key) != key {
			return nil, nil, fault.Invalidf("the flag under %q has the key %q", key, f.Key)
		}
		flags = append(flags, f)
	}
	var segments []*catalog.Segment
	for _, key := range slices.Sorted(maps.Keys(all.Segments)) {
		s, err := catalog.ParseSDKSegment(all.Segments[key])
		if err != nil {
			return nil, nil, err
		}
		if string(s.Key) != key {
			return nil, nil, fault.Invalidf("the segment under %q has the key %q", key, s.Key)
		}
		segments = append(segments, s)
	}
	return flags, segments, nil
}

// sdkImport is one PutSDKData inside its update.
type sdkImport struct {
	admin   *Admin
	tx      store.Tx
	who     catalog.Caller
	project *catalog.Project
	env     *catalog.Environment
	changed int
}

// putSegment keeps the details that the SDK data model lacks of a segment that is there already.
func (i *sdkImport) putSegment(s *catalog.Segment) error {
	now, last := i.admin.now(), i.tx.LastVersion(i.env.ID, segment.SegmentDefinition, string(s.Key))
	s.Env, s.ModifiedAt = i.env.ID, now
	s.Generation = max(s.Generation, i.tx.LastGeneration(i.env.ID, s.Key)+1)
	before, exists := i.tx.Segment(i.env.ID, s.Key)
	if exists {
		if s.Unbounded != before.Unbounded {
			return fault.Conflictf("segment %s is there already and unbounded is %t; that can't be changed", s.Key, before.Unbounded)
		}
		if s.Unbounded && s.Kind != before.Kind {
			return fault.Conflictf("segment %s is there already and holds contexts of kind %s; that can't be changed", s.Key, before.Kind)
		}
		details := before.Clone()
		s.ID, s.Name, s.Description, s.Tags, s.Source, s.Move = details.ID, details.Name, details.Description, details.Tags, details.Source, details.Move
		s.CreatedAt, s.ExpiresAt, s.Guard, s.Hold, s.Discarded = details.CreatedAt, details.ExpiresAt, details.Guard, details.Hold, details.Discarded
		s.Generation, s.Origin, s.Turn = details.Generation, details.Origin, details.Turn
		s.Salt = cmp.Or(s.Salt, details.Salt)
		last = max(last, details.Version)
		keepSegmentRules(details.Rules, s.Rules)
	} else {
		s.ID, s.Name, s.CreatedAt = catalog.NewID(), string(s.Key), now
		s.Salt = cmp.Or(s.Salt, catalog.NewSalt())
	}
	version := s.Version
	s.Normalize()
	if exists {
		s.Version = before.Version
		if bytes.Equal(catalog.SegmentDefinition(before).JSON, catalog.SegmentDefinition(s).JSON) {
			return nil
		}
	}
	s.Version = max(version, last+1)
	if err := cmp.Or(s.Validate(), i.admin.lists.Check(before, s)); err != nil {
		return err
	}
	i.tx.PutSegment(s)
	i.changed++
	return nil
}

// putFlag keeps the details that the SDK data model lacks of a flag that is there already, and its
// configurations in other environments.
func (i *sdkImport) putFlag(f *catalog.Flag) error {
	config := f.Environments[i.env.Key]
	wanted := config.Version
	before, exists := i.tx.Flag(i.project.Key, f.Key)
	var after *catalog.Flag
	if exists {
		after = before.Clone()
		after.Variations = keptVariations(after.Variations, f.Variations)
		after.Availability = f.Availability
		if old := after.Environments[i.env.Key]; old != nil {
			config.Version, config.Sel = old.Version, old.Sel
			config.Salt = cmp.Or(config.Salt, old.Salt)
			keepFlagRules(old.Rules, config.Rules)
		}
	} else {
		after = i.admin.newFlag(i.tx, i.who, i.project, NewFlag{
			Key: f.Key, Name: string(f.Key), Variations: f.Variations, Availability: &f.Availability, Temporary: new(false),
			Defaults: &catalog.Defaults{On: 0, Off: max(0, len(f.Variations)-1)},
		})
		config.Version = i.tx.LastVersion(i.env.ID, segment.FlagDefinition, string(f.Key))
	}
	config.Salt = cmp.Or(config.Salt, catalog.NewSalt())
	config.Sel = cmp.Or(config.Sel, catalog.NewSalt())
	after.Environments[i.env.Key] = config
	after.Normalize()
	if exists && sameToSDKs(before, after, i.env.Key) {
		return nil
	}
	if err := after.Validate(); err != nil {
		return fault.Invalidf("flag %s: %s", f.Key, fault.From(err).Message)
	}
	if exists {
		i.admin.settleFlag(i.tx, i.who, before, after)
	} else {
		config.ModifiedAt, config.ModifiedBy = i.admin.now(), i.who.Actor
		config.Version++
	}
	config.Version = max(config.Version, wanted)
	i.tx.PutFlag(after)
	i.changed++
	return nil
}

// checkReferences runs when everything is staged, as flags and segments of one import may refer to
// each other in any order.
func (i *sdkImport) checkReferences(flags []*catalog.Flag, segments []*catalog.Segment) error {
	flag := func(key catalog.FlagKey) (*catalog.Flag, bool) { return i.tx.Flag(i.project.Key, key) }
	for _, f := range flags {
		if f, ok := flag(f.Key); ok {
			if err := f.CheckPrerequisites(i.env.Key, flag); err != nil {
				return err
			}
		}
	}
	seg := func(key segment.Key) (*catalog.Segment, bool) { return i.tx.Segment(i.env.ID, key) }
	for _, s := range segments {
		if s, ok := seg(s.Key); ok {
			if err := s.CheckNesting(seg); err != nil {
				return err
			}
		}
	}
	return nil
}

// keptVariations gives the variations of an import the ids, names and descriptions of those that
// serve the same value already.
func keptVariations(before, imported []catalog.Variation) []catalog.Variation {
	kept := slices.Clone(imported)
	for i := range kept {
		j := slices.IndexFunc(before, func(v catalog.Variation) bool { return v.Value.Equal(kept[i].Value) })
		if j >= 0 {
			kept[i] = before[j]
		}
	}
	return kept
}

// keepSegmentRules and keepFlagRules give imported rules what the SDK data model leaves out of
// the rules that have their ids.
func keepSegmentRules(before, imported []catalog.SegmentRule) {
	for i := range imported {
		r := &imported[i]
		if r.ID == "" && i < len(before) {
			r.ID = before[i].ID
		}
		if j := slices.IndexFunc(before, func(b catalog.SegmentRule) bool { return b.ID == r.ID }); j >= 0 {
			r.Description = before[j].Description
			keepClauseIDs(before[j].Clauses, r.Clauses)
		}
	}
}

func keepFlagRules(before, imported []catalog.FlagRule) {
	for i := range imported {
		r := &imported[i]
		if r.ID == "" && i < len(before) {
			r.ID = before[i].ID
		}
		if j := slices.IndexFunc(before, func(b catalog.FlagRule) bool { return b.ID == r.ID }); j >= 0 {
			r.Description, r.Ref = before[j].Description, before[j].Ref
			keepClauseIDs(before[j].Clauses, r.Clauses)
		}
	}
}

func keepClauseIDs(before, imported []catalog.Clause) {
	for i := range min(len(before), len(imported)) {
		imported[i].ID = before[i].ID
	}
}
