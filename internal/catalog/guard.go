package catalog

import (
	"maps"
	"slices"

	"muster/internal/fault"
	"muster/internal/segment"
)

// maxSourceGuards is for how many sources an environment may have limits.
const maxSourceGuards = 1000

// GuardScope says whose limits are meant: those of a segment, or of a source, which is the
// integration key of a tool as it syncs into one environment. With both empty they are the
// environment's.
type GuardScope struct {
	Segment segment.Key
	Source  string
}

// GuardLayer is limits that were set somewhere.
type GuardLayer struct {
	SetOn string // "segment", "source" or "environment"
	*segment.GuardSettings
}

// GuardLayers returns where the limits of a segment may be set, the one that counts most first. A
// segment that is nil stands for any of the source.
func (e *Environment) GuardLayers(s *Segment, source string) []GuardLayer {
	var layers []GuardLayer
	if s != nil {
		layers = append(layers, GuardLayer{"segment", s.Guard})
		if s.Source != nil {
			source = s.Source.Tool
		}
	}
	if source != "" {
		layers = append(layers, GuardLayer{"source", e.SourceGuards[source]})
	}
	return append(layers, GuardLayer{"environment", e.Guard})
}

// GuardOrigins says where each limit of a segment comes from: "segment", "source", "environment" or
// "default". A segment that is nil stands for any of the source.
func (e *Environment) GuardOrigins(s *Segment, source string) map[segment.GuardField]string {
	layers := e.GuardLayers(s, source)
	origins := make(map[segment.GuardField]string, len(segment.GuardFields))
	for _, f := range segment.GuardFields {
		origins[f] = "default"
		if i := slices.IndexFunc(layers, func(l GuardLayer) bool { return l.Sets(f) }); i >= 0 {
			origins[f] = layers[i].SetOn
		}
	}
	return origins
}

// GuardOf returns the limits of a segment as they count: its own, else those of its source, else
// those of the environment, else the defaults.
func (e *Environment) GuardOf(s *Segment) segment.Guard {
	return guardUnder(e.GuardLayers(s, ""))
}

// GuardOfSource returns the limits that the segments of a source inherit.
func (e *Environment) GuardOfSource(source string) segment.Guard {
	return guardUnder(e.GuardLayers(nil, source))
}

func guardUnder(layers []GuardLayer) segment.Guard {
	g := segment.DefaultGuard
	for _, l := range slices.Backward(layers) {
		g = l.Over(g)
	}
	return g
}

// checkGuards returns a sentence about the first limit of an environment that can't be as it is.
func (e *Environment) checkGuards() error {
	if len(e.SourceGuards) > maxSourceGuards {
		return fault.Invalidf("an environment has guards for %d sources at most", maxSourceGuards)
	}
	for source, settings := range e.SourceGuards {
		if !ValidKey(source) {
			return fault.Invalidf("%q can't be the integration key of a source", clip(source))
		}
		if err := settings.Validate(); err != nil {
			return err
		}
	}
	return e.Guard.Validate()
}

func cloneGuards(from map[string]*segment.GuardSettings) map[string]*segment.GuardSettings {
	to := maps.Clone(from)
	for source, settings := range to {
		to[source] = settings.Clone()
	}
	return to
}
