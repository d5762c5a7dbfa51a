package api

import (
	"strconv"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// flagConfigJSON is a flag's configuration in one environment.
type flagConfigJSON struct {
	On                     bool               `json:"on"`
	Archived               bool               `json:"archived"`
	Salt                   string             `json:"salt"`
	Sel                    string             `json:"sel"`
	LastModified           int64              `json:"lastModified" doc:"Unix milliseconds"`
	Version                int                `json:"version"`
	Targets                []targetJSON       `json:"targets,omitzero"`
	ContextTargets         []targetJSON       `json:"contextTargets,omitzero"`
	Rules                  []flagRuleJSON     `json:"rules,omitzero"`
	Fallthrough            *serveJSON         `json:"fallthrough,omitzero"`
	OffVariation           *int               `json:"offVariation,omitzero" doc:"Absent means the default in the code"` // absence means the default in the code
	Prerequisites          []prerequisiteJSON `json:"prerequisites,omitzero"`
	Site                   *link              `json:"_site,omitzero" required:"true"`
	EnvironmentName        string             `json:"_environmentName,omitzero" required:"true"`
	TrackEvents            bool               `json:"trackEvents"`
	TrackEventsFallthrough bool               `json:"trackEventsFallthrough"`
	DebugEventsUntil       *int64             `json:"_debugEventsUntilDate,omitzero" doc:"Unix milliseconds"`
	Summary                *flagSummaryJSON   `json:"_summary,omitzero"`
	Pulse                  *flagPulseJSON     `json:"_muster,omitzero" doc:"In lists with expand=pulse"`
}

// flagPulseJSON is what the vendor's API has no word for: how often a flag is evaluated in an environment, who changed
// it there, and whether who asks may turn it.
type flagPulseJSON struct {
	Evaluations24h    uint64             `json:"evaluations24h" doc:"Evaluations that SDKs reported in the present hour and the 23 before"`
	EvaluationsHourly [pulseHours]uint64 `json:"evaluationsHourly" doc:"The same by the hour, the present one last"`
	ModifiedBy        *actorJSON         `json:"modifiedBy,omitzero" doc:"Who made the change of lastModified; absent if that is not known"`
	MayTurn           bool               `json:"mayTurn" doc:"Whether who asks may turn it on and off here: updateOn"`
}

type targetJSON struct {
	Values    []string `json:"values"`
	Variation int      `json:"variation"`
	Kind      string   `json:"contextKind,omitzero"`
}

type flagRuleJSON struct {
	ID          string       `json:"_id,omitzero"`
	Ref         string       `json:"ref,omitzero"`
	Description string       `json:"description,omitzero"`
	Variation   *int         `json:"variation,omitzero"`
	Rollout     *rolloutJSON `json:"rollout,omitzero"`
	Clauses     []clauseJSON `json:"clauses"`
	TrackEvents bool         `json:"trackEvents"`
	Disabled    bool         `json:"disabled,omitzero"`
}

type serveJSON struct {
	Variation *int         `json:"variation,omitzero"`
	Rollout   *rolloutJSON `json:"rollout,omitzero"`
}

type rolloutJSON struct {
	Kind                 string         `json:"kind,omitzero"`
	Variations           []weightedJSON `json:"variations"`
	BucketBy             string         `json:"bucketBy,omitzero"` // an empty one must be absent
	Context              string         `json:"contextKind,omitzero"`
	Seed                 *int           `json:"seed,omitzero"`
	ExperimentAllocation ldvalue.Value  `json:"experimentAllocation,omitzero"`
}

type weightedJSON struct {
	Variation int  `json:"variation"`
	Weight    int  `json:"weight" doc:"In thousandths of a percent; all together are 100000"`
	Untracked bool `json:"_untracked,omitzero"`
}

type prerequisiteJSON struct {
	Key       string `json:"key"`
	Variation int    `json:"variation"`
}

type flagSummaryJSON struct {
	Variations    map[string]variationSummaryJSON `json:"variations"`
	Prerequisites int                             `json:"prerequisites"`
}

type variationSummaryJSON struct {
	Rules          int  `json:"rules"`
	NullRules      int  `json:"nullRules"`
	Targets        int  `json:"targets"`
	ContextTargets int  `json:"contextTargets"`
	IsFallthrough  bool `json:"isFallthrough,omitzero"`
	IsOff          bool `json:"isOff,omitzero"`
	Rollout        int  `json:"rollout,omitzero"` // share of the fallthrough's rollout
}

func flagConfigOf(f *catalog.Flag, c *catalog.FlagConfig) flagConfigJSON {
	through := serveOf(c.Fallthrough)
	return flagConfigJSON{
		On:                     c.On,
		Archived:               f.Archived,
		Salt:                   c.Salt,
		Sel:                    c.Sel,
		LastModified:           c.ModifiedAt.UnixMilli(),
		Version:                c.Version,
		Targets:                each(c.Targets, targetOf),
		ContextTargets:         each(c.ContextTargets, targetOf),
		Rules:                  each(c.Rules, flagRuleOf),
		Fallthrough:            &through,
		OffVariation:           c.OffVariation,
		Prerequisites:          each(c.Prerequisites, prerequisiteOf),
		TrackEvents:            c.TrackEvents,
		TrackEventsFallthrough: c.TrackEventsFallthrough,
		DebugEventsUntil:       c.DebugEventsUntil,
	}
}

var flagConfigFields = fields[*catalog.FlagConfig]{
	"on":           field(func(c *catalog.FlagConfig) *bool { return &c.On }),
	"offVariation": field(func(c *catalog.FlagConfig) **int { return &c.OffVariation }),
	"trackEvents":  field(func(c *catalog.FlagConfig) *bool { return &c.TrackEvents }),
	"trackEventsFallthrough": field(func(c *catalog.FlagConfig) *bool {
		return &c.TrackEventsFallthrough
	}),
	"targets":        asField(func(c *catalog.FlagConfig, v []targetJSON) { c.Targets = each(v, targetJSON.target) }),
	"contextTargets": asField(func(c *catalog.FlagConfig, v []targetJSON) { c.ContextTargets = each(v, targetJSON.target) }),
	"rules":          asField(func(c *catalog.FlagConfig, v []flagRuleJSON) { c.Rules = each(v, flagRuleJSON.rule) }),
	"fallthrough":    asField(func(c *catalog.FlagConfig, v serveJSON) { c.Fallthrough = v.serve() }),
	"prerequisites": asField(func(c *catalog.FlagConfig, v []prerequisiteJSON) {
		c.Prerequisites = each(v, prerequisiteJSON.prerequisite)
	}),
}

func targetOf(t catalog.Target) targetJSON {
	j := targetJSON{Values: t.Values, Variation: t.Variation, Kind: string(t.Kind)}
	if j.Kind == "" {
		j.Kind = string(segment.DefaultKind)
	}
	return j
}

func (j targetJSON) target() catalog.Target {
	return catalog.Target{Values: j.Values, Variation: j.Variation, Kind: segment.ContextKind(j.Kind)}
}

func flagRuleOf(r catalog.FlagRule) flagRuleJSON {
	serve := serveOf(r.Serve)
	return flagRuleJSON{
		ID: r.ID, Ref: r.Ref, Description: r.Description, Variation: serve.Variation, Rollout: serve.Rollout,
		Clauses: each(r.Clauses, clauseOf), TrackEvents: r.TrackEvents, Disabled: r.Disabled,
	}
}

func (j flagRuleJSON) rule() catalog.FlagRule {
	return catalog.FlagRule{
		ID: j.ID, Ref: j.Ref, Description: j.Description, Clauses: each(j.Clauses, clauseJSON.clause),
		Serve: serveJSON{j.Variation, j.Rollout}.serve(), TrackEvents: j.TrackEvents, Disabled: j.Disabled,
	}
}

func serveOf(s catalog.Serve) serveJSON {
	j := serveJSON{Variation: s.Variation}
	if r := s.Rollout; r != nil {
		j.Rollout = &rolloutJSON{
			Kind: r.Kind, BucketBy: r.BucketBy, Context: string(r.Context), Seed: r.Seed, ExperimentAllocation: r.ExperimentAllocation,
			Variations: each(r.Variations, func(v catalog.WeightedVariation) weightedJSON { return weightedJSON(v) }),
		}
	}
	return j
}

func (j serveJSON) serve() catalog.Serve {
	s := catalog.Serve{Variation: j.Variation}
	if r := j.Rollout; r != nil {
		s.Rollout = &catalog.Rollout{
			Kind: r.Kind, BucketBy: r.BucketBy, Context: segment.ContextKind(r.Context), Seed: r.Seed, ExperimentAllocation: r.ExperimentAllocation,
			Variations: each(r.Variations, func(v weightedJSON) catalog.WeightedVariation { return catalog.WeightedVariation(v) }),
		}
	}
	return s
}

func prerequisiteOf(p catalog.Prerequisite) prerequisiteJSON {
	return prerequisiteJSON{Key: string(p.Key), Variation: p.Variation}
}

func (j prerequisiteJSON) prerequisite() catalog.Prerequisite {
	return catalog.Prerequisite{Key: catalog.FlagKey(j.Key), Variation: j.Variation}
}

// summaryOf counts what serves each variation, as lists of flags show it.
func summaryOf(f *catalog.Flag, c *catalog.FlagConfig) *flagSummaryJSON {
	counts := make([]variationSummaryJSON, len(f.Variations))
	at := func(i int) *variationSummaryJSON {
		if i < 0 || i >= len(counts) {
			return new(variationSummaryJSON) // an import may point past the variations
		}
		return &counts[i]
	}
	for _, t := range c.Targets {
		at(t.Variation).Targets += len(t.Values)
	}
	for _, t := range c.ContextTargets {
		at(t.Variation).ContextTargets += len(t.Values)
	}
	for _, r := range c.Rules {
		for _, i := range served(r.Serve) {
			at(i).Rules++
			if len(r.Clauses) == 0 {
				at(i).NullRules++
			}
		}
	}
	if v := c.Fallthrough.Variation; v != nil {
		at(*v).IsFallthrough = true
	}
	if r := c.Fallthrough.Rollout; r != nil {
		for _, v := range r.Variations {
			at(v.Variation).Rollout = v.Weight
		}
	}
	if c.OffVariation != nil {
		at(*c.OffVariation).IsOff = true
	}
	s := &flagSummaryJSON{Prerequisites: len(c.Prerequisites), Variations: make(map[string]variationSummaryJSON, len(counts))}
	for i, v := range counts {
		s.Variations[strconv.Itoa(i)] = v
	}
	return s
}

func served(s catalog.Serve) []int {
	if s.Variation != nil {
		return []int{*s.Variation}
	}
	var list []int
	if s.Rollout != nil {
		for _, v := range s.Rollout.Variations {
			list = append(list, v.Variation)
		}
	}
	return list
}
