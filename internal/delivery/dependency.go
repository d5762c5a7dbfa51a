package delivery

import (
	"slices"

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

// graph says who depends directly on what. A follower keeps one and changes it with each definition,
// because to find it out anew would cost as much as the whole environment is large.
type graph map[dependency][]dependency

func (g graph) link(user dependency, needs []dependency) {
	for _, n := range needs {
		g[n] = append(g[n], user)
	}
}

func (g graph) unlink(user dependency, needs []dependency) {
	for _, n := range needs {
		users := g[n]
		if i := slices.Index(users, user); i >= 0 {
			users[i] = users[len(users)-1]
			users = users[:len(users)-1]
		}
		if len(users) == 0 {
			delete(g, n)
		} else {
			g[n] = users
		}
	}
}

// reach calls visit for d and everything that depends on it, and goes on behind those for which
// visit returns true. Circles are the evaluator's to report; here they end by visit's false.
func (g graph) reach(d dependency, visit func(dependency) bool) {
	open := []dependency{d}
	for len(open) > 0 {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		if visit(last) {
			open = append(open, g[last]...)
		}
	}
}

// reached returns what the results of may differ because of changes, with the newest revision that it may.
func (g graph) reached(changed map[dependency]segment.Revision) map[dependency]segment.Revision {
	revs := make(map[dependency]segment.Revision, len(changed))
	for d, rev := range changed {
		g.reach(d, func(u dependency) bool {
			if seen, ok := revs[u]; ok && seen >= rev {
				return false
			}
			revs[u] = rev
			return true
		})
	}
	return revs
}

// asksMembership reports whether d, or anything that it depends on, is an unbounded segment.
func (s *Snapshot) asksMembership(d dependency, seen map[dependency]bool) bool {
	if seen[d] {
		return false
	}
	seen[d] = true
	var needs []dependency
	if d.kind == segment.FlagDefinition {
		if f := s.flags[d.key]; f != nil {
			needs = f.needs
		}
	} else if p := s.segments[d.key]; p != nil {
		if p.model.Unbounded {
			return true
		}
		needs = p.needs
	}
	return slices.ContainsFunc(needs, func(n dependency) bool { return s.asksMembership(n, seen) })
}
