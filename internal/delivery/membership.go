package delivery

import (
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"

	"muster/internal/segment"
)

// The evaluator asks for a big segment by a ref that it makes up anew each time, and keeps what it is told in a
// map for each flag: with a hundred flags that costs more than everything else. So it is never shown one. A
// run looks a context up once, and shows in the place of a big segment an ordinary one that holds the same.

var (
	// everyone and nobody stand for big segments that include the context, and that exclude it. The evaluator
	// looks into neither any further, so that it doesn't matter that all have one key, an empty one.
	everyone = &ldmodel.Segment{Rules: []ldmodel.SegmentRule{{}}}
	nobody   = &ldmodel.Segment{}
)

// rulesOf returns the segment that stands for a big one that neither includes nor excludes a context.
func rulesOf(s *ldmodel.Segment) *ldmodel.Segment {
	if len(s.Rules) == 0 {
		return nobody
	}
	return &ldmodel.Segment{Key: s.Key, Salt: s.Salt, Rules: s.Rules}
}

// refOf returns the ref of a big segment's members; one that holds nobody if SDKs could not make it either.
func refOf(s *ldmodel.Segment) segment.Ref {
	if n := s.Generation.IntValue(); n > 0 {
		return segment.Ref{Key: segment.Key(s.Key), Generation: segment.Generation(n)}
	}
	return segment.Ref{}
}

// standing is what a run knows of a big segment.
type standing struct {
	part  *part
	shown *ldmodel.Segment // to the evaluator
	asked bool             // the context has a key of the kind that the segment holds
	err   error            // why it is not known who is in it
}

// maxStandings is how many big segments a run remembers. Beyond them it asks again: to find one among many
// would take longer.
const maxStandings = 64

// GetFeatureFlag returns a flag for the evaluator; nil if there is none.
func (ev *evaluationRun) GetFeatureFlag(key string) *ldmodel.FeatureFlag {
	if f := ev.st.snapshot.flags[key]; f != nil {
		return f.model
	}
	return nil
}

// GetSegment returns a segment for the evaluator, or what stands for it; nil if there is none.
func (ev *evaluationRun) GetSegment(key string) *ldmodel.Segment {
	p := ev.st.snapshot.segments[key]
	switch {
	case p == nil:
		return nil
	case !p.big:
		return p.model
	}
	s := ev.standing(p)
	ev.asked = ev.asked || s.asked
	if s.err != nil {
		ev.unread, ev.failure = true, s.err
	}
	return s.shown
}

// standing looks the context up in a big segment.
func (ev *evaluationRun) standing(p *part) standing {
	for i := range ev.standings {
		if ev.standings[i].part == p {
			return ev.standings[i]
		}
	}
	s := standing{part: p, shown: nobody}
	if c := ev.Context.IndividualContextByKind(p.model.UnboundedContextKind); c.IsDefined() {
		var ops segment.Ops
		s.asked = true
		ops, s.err = ev.view.State(p.ref, ev.hash(c.Key()))
		switch {
		case s.err != nil:
			s.shown = p.rules
		case ops&segment.Include != 0:
			s.shown = everyone
		case ops&segment.Exclude == 0:
			s.shown = p.rules
		}
	}
	if len(ev.standings) < maxStandings {
		ev.standings = append(ev.standings, s)
	}
	return s
}

// keyHash is the hash of a context key.
type keyHash struct {
	key  string
	hash segment.Hash
}

func (ev *evaluationRun) hash(key string) segment.Hash {
	for i := range ev.hashes {
		if ev.hashes[i].key == key {
			return ev.hashes[i].hash
		}
	}
	h := segment.HashOf(key)
	ev.hashes = append(ev.hashes, keyHash{key, h})
	return h
}
