package catalog

import "muster/internal/segment"

// FlagDefinition returns what SDKs of one environment see of a flag, in the SDK data model as
// LaunchDarkly's Go SDK writes it (lists are never null).
func FlagDefinition(f *Flag, env EnvKey) segment.Definition { panic("not built yet") }

// SegmentDefinition returns what SDKs see of a segment, in the SDK data model.
func SegmentDefinition(s *Segment) segment.Definition { panic("not built yet") }
