package api

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/history"
)

// sizesJSON is how large a segment was.
type sizesJSON struct {
	From     int64            `json:"from" doc:"Unix milliseconds"`
	To       int64            `json:"to" doc:"Unix milliseconds"`
	BucketMs int64            `json:"bucketMs"`
	Complete int64            `json:"completeSince" doc:"Runs from before are not in it; Unix milliseconds"`
	Members  int64            `json:"members" doc:"At this moment"`
	Items    []sizeBucketJSON `json:"items" doc:"Oldest first; the last one is not over"`
	Marks    []sizeMarkJSON   `json:"marks" doc:"Runs that the guard kept, and rollbacks; oldest first, the newest 100"`
	Links    links            `json:"_links"`
}

type sizeBucketJSON struct {
	At      int64  `json:"at" doc:"Unix milliseconds"`
	Members *int64 `json:"members" doc:"At its end; null before the segment was made, or before completeSince"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
	Runs    int    `json:"runs" doc:"That became visible"`
	Held    int    `json:"held" doc:"That the guard kept"`
	Failed  int    `json:"failed"`
}

type sizeMarkJSON struct {
	At    int64  `json:"at" doc:"Unix milliseconds"`
	RunID string `json:"runId"`
	Kind  string `json:"kind" enum:"held,rollback"`
}

// seriesSpan is a range of a chart.
type seriesSpan struct{ span, every time.Duration }

var seriesSpans = map[string]seriesSpan{
	"24h": {24 * time.Hour, 15 * time.Minute},
	"7d":  {7 * 24 * time.Hour, 6 * time.Hour},
	"30d": {30 * 24 * time.Hour, 24 * time.Hour},
}

func (s *server) getSeries(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	asked := r.URL.Query().Get("range")
	if asked == "" {
		asked = "7d"
	}
	span, ok := seriesSpans[asked]
	if !ok {
		return fault.Invalidf("range must be one of %v, not %q", slices.Sorted(maps.Keys(seriesSpans)), clip(asked))
	}
	seg, err := s.bigSegment(r, who)
	if err != nil {
		return err
	}
	series, err := s.history.Series(r.Context(), seg, span.span, span.every)
	if err != nil {
		return err
	}
	j := sizesJSON{
		From: series.From.UnixMilli(), To: series.At.UnixMilli(), BucketMs: series.Every.Milliseconds(), Complete: series.Complete.UnixMilli(), Members: series.Members,
		Items: each(series.Buckets, func(b history.Bucket) sizeBucketJSON {
			j := sizeBucketJSON{At: b.At.UnixMilli(), Added: b.Added, Removed: b.Removed, Runs: b.Runs, Held: b.Held, Failed: b.Failed}
			if b.Members >= 0 {
				j.Members = &b.Members
			}
			return j
		}),
		Marks: each(series.Marks, func(m history.Mark) sizeMarkJSON {
			kind := "rollback"
			if m.Held {
				kind = "held"
			}
			return sizeMarkJSON{m.At.UnixMilli(), string(m.Run), kind}
		}),
		Links: links{"self": {Href: r.URL.RequestURI(), Type: "application/json"}, "segment": at.links()["self"]},
	}
	return writeJSON(w, http.StatusOK, j)
}

// bigSegment returns the segment of a path if the engine keeps its members.
func (s *server) bigSegment(r *http.Request, who catalog.Caller) (*catalog.Segment, error) {
	at := segmentPathOf(r)
	seg, err := s.admin.Segment(r.Context(), who, at.project, at.env, at.key)
	if err == nil && !seg.Unbounded {
		err = fault.Invalidf("the segment %s keeps its targets in its definition, and no runs change them", seg.Key)
	}
	return seg, err
}
