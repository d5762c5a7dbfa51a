package delivery

import (
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"

	"muster/internal/segment"
)

// dependency names a flag or segment that a result depends on, whether or not it exists.
type dependency struct {
	kind segment.DefinitionKind
	key  string
}

func flagNeeds(f *ldmodel.FeatureFlag) []dependency {
	var needs []dependency
	for _, p := range f.Prerequisites {
		needs = append(needs, dependency{segment.FlagDefinition, p.Key})
	}
	for i := range f.Rules {
		needs = clauseNeeds(needs, f.Rules[i].Clauses)
	}
	return needs
}

func segmentNeeds(s *ldmodel.Segment) []dependency {
	var needs []dependency
	for i := range s.Rules {
		needs = clauseNeeds(needs, s.Rules[i].Clauses)
	}
	return needs
}

func clauseNeeds(needs []dependency, clauses []ldmodel.Clause) []dependency {
	for i := range clauses {
		if clauses[i].Op != ldmodel.OperatorSegmentMatch {
			continue
		}
		for _, v := range clauses[i].Values {
			if v.IsString() {
				needs = append(needs, dependency{segment.SegmentDefinition, v.StringValue()})
			}
		}
	}
	return needs
}

// spread carries changes on to every flag whose result may differ because of them, and finds out
// which flags depend on big membership. The snapshot's map of flags must be its own.
func (s *Snapshot) spread(changed map[dependency]segment.Revision) {
	users := s.users()
	revs := make(map[dependency]segment.Revision, len(changed))
	for d, rev := range changed {
		reach(users, d, func(u dependency) bool {
			if revs[u] >= rev {
				return false
			}
			revs[u] = rev
			return true
		})
	}
	big := map[dependency]bool{}
	for key, p := range s.segments {
		if p.model.Unbounded {
			reach(users, dependency{segment.SegmentDefinition, key}, func(u dependency) bool {
				seen := big[u]
				big[u] = true
				return !seen
			})
		}
	}
	for key, f := range s.flags {
		self := dependency{segment.FlagDefinition, key}
		if rev := revs[self]; rev > f.changed || big[self] != f.big {
			c := *f
			c.changed, c.big = max(rev, f.changed), big[self]
			s.flags[key] = &c
		}
	}
}

// users returns who depends directly on what.
func (s *Snapshot) users() map[dependency][]dependency {
	users := map[dependency][]dependency{}
	for key, f := range s.flags {
		for _, n := range f.needs {
			users[n] = append(users[n], dependency{segment.FlagDefinition, key})
		}
	}
	for key, p := range s.segments {
		for _, n := range p.needs {
			users[n] = append(users[n], dependency{segment.SegmentDefinition, key})
		}
	}
	return users
}

// reach calls visit for d and everything that depends on it, and goes on behind those for which
// visit returns true. Circles are the evaluator's to report; here they end by visit's false.
func reach(users map[dependency][]dependency, d dependency, visit func(dependency) bool) {
	open := []dependency{d}
	for len(open) > 0 {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		if visit(last) {
			open = append(open, users[last]...)
		}
	}
}
