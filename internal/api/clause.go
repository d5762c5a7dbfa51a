package api

import (
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/segment"
)

// clauseJSON is a condition of a rule, in segments and flags alike.
type clauseJSON struct {
	ID        string          `json:"_id,omitzero"`
	Kind      string          `json:"contextKind,omitzero"`
	Attribute string          `json:"attribute"`
	Op        string          `json:"op"`
	Values    []ldvalue.Value `json:"values"`
	Negate    bool            `json:"negate"`
}

func clauseOf(c catalog.Clause) clauseJSON {
	j := clauseJSON{ID: c.ID, Kind: string(c.Kind), Attribute: c.Attribute, Op: c.Op, Values: c.Values, Negate: c.Negate}
	// A clause on segments has no kind of its own: each segment brings one.
	if j.Kind == "" && c.Op != "segmentMatch" {
		j.Kind = string(segment.DefaultKind)
	}
	return j
}

func (j clauseJSON) clause() catalog.Clause {
	return catalog.Clause{
		ID: j.ID, Kind: segment.ContextKind(j.Kind), Attribute: j.Attribute, Op: j.Op, Values: j.Values, Negate: j.Negate,
	}
}

// each renders or reads every element of a list; the result is never nil.
func each[T, R any](all []T, one func(T) R) []R {
	list := make([]R, 0, len(all))
	for _, v := range all {
		list = append(list, one(v))
	}
	return list
}

type contextTargetsJSON struct {
	Kind   string   `json:"contextKind"`
	Values []string `json:"values"`
}

func contextTargetsOf(t catalog.ContextTargets) contextTargetsJSON {
	return contextTargetsJSON{Kind: string(t.Kind), Values: t.Values}
}

func (j contextTargetsJSON) targets() catalog.ContextTargets {
	return catalog.ContextTargets{Kind: segment.ContextKind(j.Kind), Values: j.Values}
}
