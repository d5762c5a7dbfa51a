package history

import (
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
)

// Target names a segment as people and API clients do.
type Target struct {
	Project     catalog.ProjectKey
	Environment catalog.EnvKey
	Segment     segment.Key
}

// find returns the segment that a target names, if the caller may do the action to it. The members
// of a segment that lists them in its definition are there, not here.
func (h *History) find(who catalog.Caller, t Target, action policy.Action) (*catalog.Segment, error) {
	seg, err := h.findAny(who, t, action)
	if err != nil {
		return nil, err
	}
	if !seg.Unbounded {
		return nil, fault.Invalidf("the segment %s keeps its targets in its definition; read included and excluded there", seg.Key)
	}
	return seg, nil
}

// findAny is find for segments that list their targets too.
func (h *History) findAny(who catalog.Caller, t Target, action policy.Action) (*catalog.Segment, error) {
	project, env, err := h.viewEnvironment(who, t.Project, t.Environment)
	if err != nil {
		return nil, err
	}
	seg, ok := h.store.Segment(env.ID, t.Segment)
	if !ok {
		return nil, fault.NotFoundf("Unknown segment key %s", t.Segment)
	}
	if action != policy.ViewProject {
		if err := who.Check(action, catalog.SegmentResource(project, env, seg.Key, seg.Tags)); err != nil {
			return nil, err
		}
	}
	return seg, nil
}

// within tells where the members of a segment were being read when an error came.
func within(seg *catalog.Segment, err error) error {
	return reading("read members of segment "+string(seg.Key), err)
}
