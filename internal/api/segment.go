package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/segment"
)

type segmentJSON struct {
	Key              string                `json:"key"`
	Name             string                `json:"name"`
	Description      string                `json:"description,omitzero"`
	Tags             []string              `json:"tags"`
	CreationDate     int64                 `json:"creationDate" doc:"Unix milliseconds"`
	LastModifiedDate int64                 `json:"lastModifiedDate" doc:"Unix milliseconds"`
	Version          int                   `json:"version"`
	Generation       uint64                `json:"generation" doc:"The number in the name that SDKs know the segment by; it only grows"`
	Deleted          bool                  `json:"deleted"`
	Included         []string              `json:"included" doc:"Context keys of kind user"`
	Excluded         []string              `json:"excluded,omitzero"`
	IncludedContexts []contextTargetsJSON  `json:"includedContexts,omitzero"`
	ExcludedContexts []contextTargetsJSON  `json:"excludedContexts,omitzero"`
	Rules            []segmentRuleJSON     `json:"rules"`
	Unbounded        bool                  `json:"unbounded" doc:"A big segment, whose members are no part of its definition"`
	UnboundedKind    string                `json:"unboundedContextKind,omitzero"`
	Metadata         *unboundedJSON        `json:"_unboundedMetadata,omitzero"`
	External         string                `json:"_external,omitzero" doc:"The integration key of the tool that syncs the segment"`
	ExternalLink     string                `json:"_externalLink,omitzero"`
	ImportInProgress *bool                 `json:"_importInProgress,omitzero"`
	Flags            []flagSummaryLinkJSON `json:"_flags,omitzero" doc:"The flags that target the segment; in the answer to the request of one segment, and in lists with expand=flags"`
	Muster           *musterJSON           `json:"_muster,omitzero"`
	Links            links                 `json:"_links,omitzero" required:"true"`
}

type segmentRuleJSON struct {
	ID          string       `json:"_id,omitzero"`
	Description string       `json:"description,omitzero"`
	Clauses     []clauseJSON `json:"clauses"`
	Weight      *int         `json:"weight,omitzero" doc:"Which share of the contexts that match, in thousandths of a percent; all if absent"` // 0 means nobody to SDKs, so absence matters
	RolloutKind string       `json:"rolloutContextKind,omitzero"`
	BucketBy    string       `json:"bucketBy,omitzero"`
}

// unboundedJSON describes the membership of an unbounded segment.
type unboundedJSON struct {
	EnvID         string `json:"envId"`
	SegmentID     string `json:"segmentId"`
	Version       int    `json:"version"`
	IncludedCount int64  `json:"includedCount"`
	ExcludedCount int64  `json:"excludedCount"`
	LastModified  int64  `json:"lastModified" doc:"Unix milliseconds"`
	Deleted       bool   `json:"deleted"`
}

// flagSummaryLinkJSON is a flag that uses a segment.
type flagSummaryLinkJSON struct {
	Name  string `json:"name"`
	Key   string `json:"key"`
	Links links  `json:"_links"`
	Site  link   `json:"_site"`
}

func segmentRuleOf(r catalog.SegmentRule) segmentRuleJSON {
	return segmentRuleJSON{
		ID: r.ID, Description: r.Description, Clauses: each(r.Clauses, clauseOf),
		Weight: r.Weight, RolloutKind: string(r.RolloutKind), BucketBy: r.BucketBy,
	}
}

func (j segmentRuleJSON) rule() catalog.SegmentRule {
	return catalog.SegmentRule{
		ID: j.ID, Description: j.Description, Clauses: each(j.Clauses, clauseJSON.clause),
		Weight: j.Weight, RolloutKind: segment.ContextKind(j.RolloutKind), BucketBy: j.BucketBy,
	}
}

// segmentOf renders what the segment itself holds; it is what a patch sees.
func segmentOf(s *catalog.Segment) segmentJSON {
	j := segmentJSON{
		Key:              string(s.Key),
		Name:             s.Name,
		Description:      s.Description,
		Tags:             s.Tags,
		CreationDate:     s.CreatedAt.UnixMilli(),
		LastModifiedDate: s.ModifiedAt.UnixMilli(),
		Version:          s.Version,
		Generation:       uint64(s.Generation),
		Included:         s.Included,
		Rules:            each(s.Rules, segmentRuleOf),
		Unbounded:        s.Unbounded,
	}
	if s.Unbounded {
		j.UnboundedKind = string(s.Kind)
		return j
	}
	j.Excluded = each(s.Excluded, func(key string) string { return key })
	j.IncludedContexts = each(s.IncludedContexts, contextTargetsOf)
	j.ExcludedContexts = each(s.ExcludedContexts, contextTargetsOf)
	return j
}

var segmentFields = fields[*catalog.Segment]{
	"name":        field(func(s *catalog.Segment) *string { return &s.Name }),
	"description": field(func(s *catalog.Segment) *string { return &s.Description }),
	"tags":        field(func(s *catalog.Segment) *[]string { return &s.Tags }),
	"included":    field(func(s *catalog.Segment) *[]string { return &s.Included }),
	"excluded":    field(func(s *catalog.Segment) *[]string { return &s.Excluded }),
	"includedContexts": asField(func(s *catalog.Segment, v []contextTargetsJSON) {
		s.IncludedContexts = each(v, contextTargetsJSON.targets)
	}),
	"excludedContexts": asField(func(s *catalog.Segment, v []contextTargetsJSON) {
		s.ExcludedContexts = each(v, contextTargetsJSON.targets)
	}),
	"rules": asField(func(s *catalog.Segment, v []segmentRuleJSON) { s.Rules = each(v, segmentRuleJSON.rule) }),
}

// segmentPath is where a segment stands, below /api/v2 and /ui.
type segmentPath struct {
	project catalog.ProjectKey
	env     catalog.EnvKey
	key     segment.Key
}

func segmentPathOf(r *http.Request) segmentPath {
	return segmentPath{project: projectKey(r), env: environmentKey(r), key: segment.Key(r.PathValue("segmentKey"))}
}

func (at segmentPath) links() links {
	parent := "/segments/" + string(at.project) + "/" + string(at.env)
	return links{
		"self":   apiLink(parent + "/" + string(at.key)),
		"parent": apiLink(parent),
		"site":   siteLink("/projects/" + string(at.project) + "/environments/" + string(at.env) + "/segments/" + string(at.key)),
	}
}

// listedSegment renders a segment as lists show it: without what costs a read for each.
func (s *server) listedSegment(ctx context.Context, at segmentPath, seg *catalog.Segment) (segmentJSON, error) {
	at.key = seg.Key
	j := segmentOf(seg)
	j.Links = at.links()
	if seg.Source != nil {
		j.External, j.ExternalLink = seg.Source.Tool, seg.Source.URL
	}
	if !seg.Unbounded {
		return j, nil
	}
	size := s.history.Size(seg.Env, seg.Ref())
	j.Metadata = &unboundedJSON{
		EnvID: string(seg.Env), SegmentID: string(seg.ID), Version: seg.Version,
		IncludedCount: size.Included, ExcludedCount: size.Excluded, LastModified: j.LastModifiedDate,
	}
	importing := s.ingest.Importing(seg.Env, seg.Key)
	j.ImportInProgress = &importing
	health, err := s.history.Health(ctx, seg)
	if err != nil {
		return j, err
	}
	j.Muster = musterOf(seg, health)
	j.Muster.Turn = s.turnOf(seg)
	if health.State != history.Held && s.ingest.Syncing(seg.Env, seg.Key) {
		j.Muster.State = syncing
	}
	j.Metadata.LastModified = max(j.Metadata.LastModified, j.Muster.FreshAt)
	return j, nil
}

// detailedSegment renders a segment by itself, with how often and how fast it is synced.
func (s *server) detailedSegment(ctx context.Context, at segmentPath, seg *catalog.Segment) (segmentJSON, error) {
	j, err := s.listedSegment(ctx, at, seg)
	if err != nil || !seg.Unbounded {
		return j, err
	}
	pulse, err := s.history.Pulse(ctx, seg)
	if err != nil {
		return j, err
	}
	j.Muster.beat(pulse)
	return j, nil
}

type newSegmentJSON struct {
	Key         string   `json:"key"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitzero"`
	Tags        []string `json:"tags,omitzero"`
	Unbounded   bool     `json:"unbounded,omitzero" doc:"A big segment, whose members are no part of its definition"`
	Kind        string   `json:"unboundedContextKind,omitzero" doc:"Of which kind the members of a big segment are; user if absent"`
}

func (s *server) createSegment(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	var body newSegmentJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	seg, err := s.admin.CreateSegment(r.Context(), who, at.project, at.env, admin.NewSegment{
		Key: segment.Key(body.Key), Name: body.Name, Description: body.Description, Tags: body.Tags,
		Unbounded: body.Unbounded, Kind: segment.ContextKind(body.Kind),
	})
	if err != nil {
		return err
	}
	j, err := s.listedSegment(r.Context(), at, seg)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(seg.Version))
	return writeJSON(w, http.StatusCreated, j)
}

func (s *server) getSegment(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	seg, err := s.admin.Segment(r.Context(), who, at.project, at.env, at.key)
	if err != nil {
		return err
	}
	j, err := s.detailedSegment(r.Context(), at, seg)
	if err != nil {
		return err
	}
	flags, err := s.admin.SegmentFlags(r.Context(), who, at.project, at.env, at.key)
	if err != nil {
		return err
	}
	j.Flags = flagLinksOf(at, flags)
	w.Header().Set("ETag", etag(seg.Version))
	return writeJSON(w, http.StatusOK, j)
}

// flagLinksOf names the flags that target a segment.
func flagLinksOf(at segmentPath, flags []*catalog.Flag) []flagSummaryLinkJSON {
	return each(flags, func(f *catalog.Flag) flagSummaryLinkJSON {
		return flagSummaryLinkJSON{
			Name: f.Name, Key: string(f.Key),
			Links: links{"self": apiLink("/flags/" + string(at.project) + "/" + string(f.Key))},
			Site:  flagSite(at.project, at.env, f.Key),
		}
	})
}

func (s *server) patchSegment(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	p, err := readPatch(w, r)
	if err != nil {
		return err
	}
	if p.edit == nil && p.environment != "" && p.environment != at.env {
		return fault.Invalidf("environmentKey is %s, but the segment is in %s", clip(string(p.environment)), at.env)
	}
	how, err := changeOf(r, p)
	if err != nil {
		return err
	}
	members, err := catalog.InstructMembers(p.instructions)
	if err != nil {
		return err
	}
	if members != nil {
		return s.instructMembers(w, r, who, how, *members)
	}
	seg, err := s.admin.ChangeSegment(r.Context(), who, at.project, at.env, at.key, how, func(seg *catalog.Segment) error {
		if err := checkMatch(r, seg.Version); err != nil {
			return err
		}
		if p.edit == nil {
			return seg.Instruct(p.instructions)
		}
		before, after, err := p.edited(segmentOf(seg))
		if err != nil {
			return err
		}
		return segmentFields.assign(seg, before, after, "")
	})
	if err != nil {
		return err
	}
	return s.answerSegment(w, r, seg)
}

// followJSON says which details of a synced segment follow its tool again.
type followJSON struct {
	Fields  []string `json:"fields" doc:"name, description or both"`
	Comment string   `json:"comment,omitzero"`
}

func (j followJSON) followed() (what admin.Followed, err error) {
	for _, f := range j.Fields {
		switch f {
		case "name":
			what.Name = true
		case "description":
			what.Description = true
		default:
			return what, fault.Invalidf("fields names %s; what follows a tool is name and description", clip(f))
		}
	}
	if what == (admin.Followed{}) {
		return what, fault.Invalidf("fields is empty; it must name what is to follow the tool: name, description or both")
	}
	return what, nil
}

func (s *server) followTool(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	var body followJSON
	if err := decodeBody(w, r, maxFieldBytes, &body); err != nil {
		return err
	}
	what, err := body.followed()
	if err != nil {
		return err
	}
	seg, err := s.admin.FollowTool(r.Context(), who, at.project, at.env, at.key, what, admin.Change{Comment: body.Comment})
	if err != nil {
		return err
	}
	return s.answerSegment(w, r, seg)
}

// answerSegment answers a change with the segment as it is now.
func (s *server) answerSegment(w http.ResponseWriter, r *http.Request, seg *catalog.Segment) error {
	j, err := s.detailedSegment(r.Context(), segmentPathOf(r), seg)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(seg.Version))
	return writeJSON(w, http.StatusOK, j)
}

// changeOf says how a PATCH wants its change treated.
func changeOf(r *http.Request, p patch) (admin.Change, error) {
	how := p.how()
	if text := r.URL.Query().Get("dryRun"); text != "" {
		dry, err := strconv.ParseBool(text)
		if err != nil {
			return how, fault.Invalidf("dryRun must be true or false, not %q", clip(text))
		}
		how.DryRun = dry
	}
	return how, nil
}

func etag(version int) string { return `"` + strconv.Itoa(version) + `"` }

// checkMatch returns an error unless If-Match allows a change of this version.
func checkMatch(r *http.Request, version int) error {
	header := r.Header.Get("If-Match")
	if header == "" {
		return nil
	}
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == etag(version) {
			return nil
		}
	}
	return fault.New(fault.Conflict, fault.CodePrecondition, "the version is %d by now; read it again and repeat the change", version)
}

func (s *server) deleteSegment(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	at := segmentPathOf(r)
	err := s.admin.DeleteSegment(r.Context(), who, at.project, at.env, at.key, func(seg *catalog.Segment) error { return checkMatch(r, seg.Version) })
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
