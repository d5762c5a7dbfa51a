package catalog

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/launchdarkly/go-sdk-common/v3/ldattr"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldtime"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"

	"muster/internal/fault"
	"muster/internal/segment"
)

// maxSDKDepth bounds the nesting of a flag or segment in the SDK data model. The reader of the
// evaluation library recurses without a limit of its own.
const maxSDKDepth = 100

var sdkModel = ldmodel.NewJSONDataModelSerialization()

// FlagDefinition returns what SDKs of one environment see of a flag, in the SDK data model as
// LaunchDarkly's Go SDK writes it (lists are never null). SDKs do not see archived flags, nor
// flags without a configuration in env: their definition has no JSON.
func FlagDefinition(f *Flag, env EnvKey) segment.Definition {
	d := segment.Definition{Kind: segment.FlagDefinition, Key: string(f.Key)}
	c := f.Environments[env]
	if c == nil {
		return d
	}
	d.Version = c.Version
	if f.Archived {
		return d
	}
	b, err := sdkModel.MarshalFeatureFlag(modelFlag(f, c))
	if err != nil {
		panic(fmt.Sprintf("catalog: write flag %s: %v", f.Key, err))
	}
	d.JSON = b
	return d
}

// SegmentDefinition returns what SDKs see of a segment, in the SDK data model. Members of an
// unbounded segment are not part of it, only the generation under which SDKs find them.
func SegmentDefinition(s *Segment) segment.Definition {
	b, err := sdkModel.MarshalSegment(modelSegment(s))
	if err != nil {
		panic(fmt.Sprintf("catalog: write segment %s: %v", s.Key, err))
	}
	return segment.Definition{Kind: segment.SegmentDefinition, Key: string(s.Key), Version: s.Version, JSON: b}
}

func modelFlag(f *Flag, c *FlagConfig) ldmodel.FeatureFlag {
	m := ldmodel.FeatureFlag{
		Key:                    string(f.Key),
		On:                     c.On,
		Salt:                   c.Salt,
		Version:                c.Version,
		Fallthrough:            modelServe(c.Fallthrough),
		OffVariation:           optionalInt(c.OffVariation),
		TrackEvents:            c.TrackEvents,
		TrackEventsFallthrough: c.TrackEventsFallthrough,
		SamplingRatio:          optionalInt(c.SamplingRatio),
		ExcludeFromSummaries:   c.ExcludeFromSummaries,
		ClientSideAvailability: ldmodel.ClientSideAvailability{
			UsingMobileKey: f.Availability.MobileKey, UsingEnvironmentID: f.Availability.EnvironmentID, Explicit: true,
		},
	}
	for _, v := range f.Variations {
		m.Variations = append(m.Variations, v.Value)
	}
	for _, p := range c.Prerequisites {
		m.Prerequisites = append(m.Prerequisites, ldmodel.Prerequisite{Key: string(p.Key), Variation: p.Variation})
	}
	for _, t := range c.Targets {
		m.Targets = append(m.Targets, ldmodel.Target{Variation: t.Variation, Values: t.Values})
	}
	for _, t := range withPhantoms(c.Targets, c.ContextTargets) {
		m.ContextTargets = append(m.ContextTargets, ldmodel.Target{ContextKind: ldcontext.Kind(t.Kind), Variation: t.Variation, Values: t.Values})
	}
	for _, r := range c.Rules {
		if r.Disabled {
			continue // the data model has no word for it
		}
		m.Rules = append(m.Rules, ldmodel.FlagRule{
			ID: r.ID, TrackEvents: r.TrackEvents, Clauses: modelClauses(r.Clauses), VariationOrRollout: modelServe(r.Serve),
		})
	}
	if c.DebugEventsUntil != nil && *c.DebugEventsUntil > 0 {
		m.DebugEventsUntilDate = ldtime.UnixMillisecondTime(*c.DebugEventsUntil)
	}
	if c.Migration {
		m.Migration = &ldmodel.MigrationFlagParameters{CheckRatio: optionalInt(c.MigrationCheckRatio)}
	}
	return m
}

// withPhantoms returns the context targets as SDKs need them: once there are any, an SDK finds the
// targets of kind user only through an entry of that kind with the same variation and no values.
func withPhantoms(targets, contexts []Target) []Target {
	if len(contexts) == 0 {
		return nil
	}
	found := make(map[int]bool)
	for _, c := range contexts {
		if isUser(c.Kind) {
			found[c.Variation] = true
		}
	}
	var phantoms []Target
	for _, t := range targets {
		if !found[t.Variation] {
			found[t.Variation] = true
			phantoms = append(phantoms, Target{Kind: segment.DefaultKind, Variation: t.Variation})
		}
	}
	return append(phantoms, contexts...)
}

func modelSegment(s *Segment) ldmodel.Segment {
	m := ldmodel.Segment{
		Key:              string(s.Key),
		Version:          s.Version,
		Salt:             s.Salt,
		Included:         s.Included,
		Excluded:         s.Excluded,
		IncludedContexts: modelSegmentTargets(s.IncludedContexts),
		ExcludedContexts: modelSegmentTargets(s.ExcludedContexts),
	}
	if s.Unbounded {
		m.Unbounded = true
		m.UnboundedContextKind = ldcontext.Kind(orUser(s.Kind))
		m.Generation = ldvalue.NewOptionalInt(int(s.Generation))
	}
	for _, r := range s.Rules {
		m.Rules = append(m.Rules, ldmodel.SegmentRule{
			ID: r.ID, Clauses: modelClauses(r.Clauses), Weight: optionalInt(r.Weight),
			BucketBy: attributeRef(r.RolloutKind, r.BucketBy), RolloutContextKind: ldcontext.Kind(r.RolloutKind),
		})
	}
	return m
}

func modelSegmentTargets(ts []ContextTargets) []ldmodel.SegmentTarget {
	var m []ldmodel.SegmentTarget
	for _, t := range ts {
		m = append(m, ldmodel.SegmentTarget{ContextKind: ldcontext.Kind(t.Kind), Values: t.Values})
	}
	return m
}

func modelClauses(cs []Clause) []ldmodel.Clause {
	var m []ldmodel.Clause
	for _, c := range cs {
		m = append(m, ldmodel.Clause{
			ContextKind: ldcontext.Kind(c.Kind), Attribute: attributeRef(c.Kind, c.Attribute),
			Op: ldmodel.Operator(c.Op), Values: c.Values, Negate: c.Negate,
		})
	}
	return m
}

func modelServe(s Serve) ldmodel.VariationOrRollout {
	m := ldmodel.VariationOrRollout{Variation: optionalInt(s.Variation)}
	if r := s.Rollout; r != nil {
		m.Rollout = ldmodel.Rollout{
			Kind: ldmodel.RolloutKind(r.Kind), ContextKind: ldcontext.Kind(r.Context),
			BucketBy: attributeRef(r.Context, r.BucketBy), Seed: optionalInt(r.Seed),
		}
		for _, v := range r.Variations {
			m.Rollout.Variations = append(m.Rollout.Variations, ldmodel.WeightedVariation(v))
		}
	}
	return m
}

// attributeRef reads an attribute as SDKs do: without a context kind it is a plain name, with one
// it may be a path.
func attributeRef(kind segment.ContextKind, attribute string) ldattr.Ref {
	switch {
	case attribute == "":
		return ldattr.Ref{}
	case kind == "":
		return ldattr.NewLiteralRef(attribute)
	default:
		return ldattr.NewRef(attribute)
	}
}

// parsedAttribute undoes attributeRef. A plain name that would read as a path gets the kind that no
// kind stands for, and is escaped: it then means the same wherever the kind is filled in later.
func parsedAttribute(kind ldcontext.Kind, ref ldattr.Ref) (segment.ContextKind, string) {
	switch {
	case !ref.IsDefined():
		return segment.ContextKind(kind), ""
	case kind != "":
		return segment.ContextKind(kind), ref.String()
	}
	if name := ref.Component(0); !strings.HasPrefix(name, "/") {
		return "", name
	}
	return segment.DefaultKind, ref.String()
}

// ParseSDKFlag reads a flag in the SDK data model. The result has one configuration, that of env,
// with salt, rule ids, version and every field that only SDKs know. What the model lacks, such as
// the names and ids of variations, is left empty.
func ParseSDKFlag(data []byte, env EnvKey) (*Flag, error) {
	if err := checkSDKBytes("flag", data); err != nil {
		return nil, err
	}
	m, err := sdkModel.UnmarshalFeatureFlag(data)
	if err != nil {
		return nil, fault.Invalidf("a flag is not in the SDK data model; compare it with what GET of the same address returns").Because(err)
	}
	if m.Deleted {
		return nil, fault.Invalidf("flag %q is marked deleted; leave it out, an import deletes nothing", m.Key)
	}
	f := &Flag{
		Key:          FlagKey(m.Key),
		Availability: Availability{MobileKey: m.ClientSideAvailability.UsingMobileKey, EnvironmentID: m.ClientSideAvailability.UsingEnvironmentID},
		Environments: map[EnvKey]*FlagConfig{env: parsedConfig(&m)},
	}
	for _, v := range m.Variations {
		f.Variations = append(f.Variations, Variation{Value: v})
	}
	return f, nil
}

func parsedConfig(m *ldmodel.FeatureFlag) *FlagConfig {
	c := &FlagConfig{
		On:                     m.On,
		Salt:                   m.Salt,
		Version:                m.Version,
		Fallthrough:            parsedServe(m.Fallthrough),
		OffVariation:           m.OffVariation.AsPointer(),
		TrackEvents:            m.TrackEvents,
		TrackEventsFallthrough: m.TrackEventsFallthrough,
		SamplingRatio:          m.SamplingRatio.AsPointer(),
		ExcludeFromSummaries:   m.ExcludeFromSummaries,
	}
	for _, p := range m.Prerequisites {
		c.Prerequisites = append(c.Prerequisites, Prerequisite{Key: FlagKey(p.Key), Variation: p.Variation})
	}
	for _, t := range m.Targets {
		c.Targets = append(c.Targets, Target{Kind: segment.DefaultKind, Variation: t.Variation, Values: t.Values})
	}
	for _, t := range m.ContextTargets {
		c.ContextTargets = append(c.ContextTargets, Target{Kind: segment.ContextKind(t.ContextKind), Variation: t.Variation, Values: t.Values})
	}
	c.ContextTargets = withoutPhantoms(c.Targets, c.ContextTargets)
	for _, r := range m.Rules {
		c.Rules = append(c.Rules, FlagRule{
			ID: r.ID, TrackEvents: r.TrackEvents, Clauses: parsedClauses(r.Clauses), Serve: parsedServe(r.VariationOrRollout),
		})
	}
	if until := uint64(m.DebugEventsUntilDate); until > 0 && until <= math.MaxInt64 {
		c.DebugEventsUntil = new(int64(until))
	}
	if m.Migration != nil {
		c.Migration = true
		c.MigrationCheckRatio = m.Migration.CheckRatio.AsPointer()
	}
	return c
}

// withoutPhantoms undoes withPhantoms where that loses no order.
func withoutPhantoms(targets, contexts []Target) []Target {
	var kept []Target
	for _, c := range contexts {
		if !isUser(c.Kind) || len(c.Values) > 0 {
			kept = append(kept, c)
		}
	}
	again := withPhantoms(targets, kept)
	same := slices.EqualFunc(again, contexts, func(a, b Target) bool {
		return a.Kind == b.Kind && a.Variation == b.Variation && slices.Equal(a.Values, b.Values)
	})
	if same {
		return kept
	}
	return contexts
}

// ParseSDKSegment reads a segment in the SDK data model. The generation of a segment that is not
// unbounded is 0, as the model has none.
func ParseSDKSegment(data []byte) (*Segment, error) {
	if err := checkSDKBytes("segment", data); err != nil {
		return nil, err
	}
	m, err := sdkModel.UnmarshalSegment(data)
	if err != nil {
		return nil, fault.Invalidf("a segment is not in the SDK data model; compare it with what GET of the same address returns").Because(err)
	}
	if m.Deleted {
		return nil, fault.Invalidf("segment %q is marked deleted; leave it out, an import deletes nothing", m.Key)
	}
	s := &Segment{
		Key:              segment.Key(m.Key),
		Version:          m.Version,
		Salt:             m.Salt,
		Included:         m.Included,
		Excluded:         m.Excluded,
		IncludedContexts: parsedSegmentTargets(m.IncludedContexts),
		ExcludedContexts: parsedSegmentTargets(m.ExcludedContexts),
	}
	if m.Unbounded {
		s.Unbounded = true
		s.Kind = orUser(segment.ContextKind(m.UnboundedContextKind))
		s.Generation = segment.Generation(max(0, m.Generation.IntValue()))
	}
	for _, r := range m.Rules {
		rule := SegmentRule{ID: r.ID, Clauses: parsedClauses(r.Clauses), Weight: r.Weight.AsPointer()}
		rule.RolloutKind, rule.BucketBy = parsedAttribute(r.RolloutContextKind, r.BucketBy)
		s.Rules = append(s.Rules, rule)
	}
	return s, nil
}

func parsedSegmentTargets(m []ldmodel.SegmentTarget) []ContextTargets {
	var ts []ContextTargets
	for _, t := range m {
		ts = append(ts, ContextTargets{Kind: segment.ContextKind(t.ContextKind), Values: t.Values})
	}
	return ts
}

func parsedClauses(m []ldmodel.Clause) []Clause {
	var cs []Clause
	for _, c := range m {
		clause := Clause{Op: string(c.Op), Values: c.Values, Negate: c.Negate}
		clause.Kind, clause.Attribute = parsedAttribute(c.ContextKind, c.Attribute)
		cs = append(cs, clause)
	}
	return cs
}

func parsedServe(m ldmodel.VariationOrRollout) Serve {
	s := Serve{Variation: m.Variation.AsPointer()}
	if len(m.Rollout.Variations) > 0 {
		r := &Rollout{Kind: string(m.Rollout.Kind), Seed: m.Rollout.Seed.AsPointer()}
		r.Context, r.BucketBy = parsedAttribute(m.Rollout.ContextKind, m.Rollout.BucketBy)
		for _, v := range m.Rollout.Variations {
			r.Variations = append(r.Variations, WeightedVariation(v))
		}
		s.Rollout = r
	}
	return s
}

// checkSDKBytes refuses what the library's reader would follow too deep, or would let through as
// bytes that are no text: SDKs drop their connection over those.
func checkSDKBytes(what string, data []byte) error {
	if !utf8.Valid(data) {
		return fault.Invalidf("this %s is not valid UTF-8", what)
	}
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case inString && b == '\\':
			i++
		case b == '"':
			inString = !inString
		case inString:
		case b == '{' || b == '[':
			if depth++; depth > maxSDKDepth {
				return fault.Invalidf("this %s is nested deeper than %d levels", what, maxSDKDepth)
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return nil
}

func optionalInt(n *int) ldvalue.OptionalInt { return ldvalue.NewOptionalIntFromPointer(n) }

func isUser(k segment.ContextKind) bool { return k == "" || k == segment.DefaultKind }

func orUser(k segment.ContextKind) segment.ContextKind {
	if k == "" {
		return segment.DefaultKind
	}
	return k
}
