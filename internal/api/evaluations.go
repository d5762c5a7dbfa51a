package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/usage"
)

// seriesJSON is several counts over time: in each point, beside its time, a count under the key of
// each of the metadata.
type seriesJSON struct {
	Links    links                `json:"_links"`
	Metadata []seriesMetadataJSON `json:"metadata"`
	Series   []map[string]int64   `json:"series"`
}

// seriesMetadataJSON says that a key of the points is a variation; without an index, everything that
// was no variation that the flag has.
type seriesMetadataJSON struct {
	Key       string         `json:"key"`
	Variation *int           `json:"variation"`
	ID        string         `json:"_id,omitzero"`
	Name      string         `json:"name,omitzero"`
	Value     *ldvalue.Value `json:"value,omitzero"`
}

const (
	// hourly is how far back a range may begin to be told by the hour, and not by the day.
	hourly = 48 * time.Hour
	// defaultRange is where a range begins that says nothing of it.
	defaultRange = 30 * 24 * time.Hour
)

// listEvaluations tells how often each variation of a flag was served.
func (s *server) listEvaluations(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	f, env, err := s.flagIn(r, who)
	if err != nil {
		return err
	}
	from, to, slot, err := s.rangeOf(r.URL.Query())
	if err != nil {
		return err
	}
	j := seriesJSON{
		Links:  links{"self": {Href: r.URL.RequestURI(), Type: "application/json"}, "parent": apiLink("/flags/" + string(f.Project) + "/" + string(f.Key))},
		Series: []map[string]int64{},
	}
	for i, v := range f.Variations {
		j.Metadata = append(j.Metadata, seriesMetadataJSON{strconv.Itoa(i), &i, v.ID, v.Name, &v.Value})
	}
	counts := s.usage.Evaluations(env.ID, f.Key, from, to)
	other := func(c usage.Count) bool { return c.Variation < 0 || c.Variation >= len(f.Variations) }
	if slices.ContainsFunc(counts, other) {
		j.Metadata = append(j.Metadata, seriesMetadataJSON{Key: strconv.Itoa(len(f.Variations)), Name: "no variation"})
	}
	for _, c := range counts {
		if other(c) {
			c.Variation = len(f.Variations)
		}
		j.count(slot(c.Hour).UnixMilli(), j.Metadata[c.Variation].Key, c.N)
	}
	return writeJSON(w, http.StatusOK, j)
}

// count adds to the newest point, or begins one.
func (j *seriesJSON) count(at int64, key string, n uint64) {
	if len(j.Series) == 0 || j.Series[len(j.Series)-1]["time"] != at {
		point := map[string]int64{"time": at}
		for _, m := range j.Metadata {
			point[m.Key] = 0
		}
		j.Series = append(j.Series, point)
	}
	j.Series[len(j.Series)-1][key] += int64(n)
}

// rangeOf reads the range of a series: from, to and tz. It returns how times are put into the points.
func (s *server) rangeOf(q url.Values) (from, to time.Time, slot func(time.Time) time.Time, err error) {
	now := s.now()
	from, to = now.Add(-defaultRange), now
	for name, at := range map[string]*time.Time{"from": &from, "to": &to} {
		if !q.Has(name) {
			continue
		}
		n, err := numberOf(q, name)
		if err != nil {
			return from, to, nil, err
		}
		*at = time.UnixMilli(n)
	}
	zone, err := time.LoadLocation(q.Get("tz"))
	if err != nil || q.Get("tz") == "Local" {
		return from, to, nil, fault.Invalidf("tz %q is no time zone; name one like Europe/Berlin", clip(q.Get("tz")))
	}
	hour := func(t time.Time) time.Time { return t.Truncate(time.Hour) }
	if now.Sub(from) <= hourly {
		return hour(from), to, hour, nil
	}
	return hour(from), to, func(t time.Time) time.Time {
		y, m, d := t.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, zone)
	}, nil
}

// sdkJSON is an SDK that reported.
type sdkJSON struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	FirstSeen int64  `json:"firstSeen"`
	LastSeen  int64  `json:"lastSeen"`
	Instances int    `json:"instances"`
}

// listSDKs lists the SDKs that reported in an environment.
func (s *server) listSDKs(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := pageOf(r.URL.Query(), maxPage)
	if err != nil {
		return err
	}
	env, err := s.admin.Environment(r.Context(), who, projectKey(r), environmentKey(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, s.usage.SDKs(env.ID), func(k usage.SeenSDK) sdkJSON {
		return sdkJSON{k.Name, k.Version, unixMilli(k.First), unixMilli(k.Last), k.Instances}
	}))
}
