package connector

import (
	"bytes"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/fault"
	"muster/internal/segment"
)

// Why a member is left out. The texts reach the ledger, so they quote nothing.
const (
	skipNoID         = "the member has no id"
	skipIDType       = "the member id is neither a text nor a whole number"
	skipIDUnicode    = "the member id is not valid Unicode"
	skipIDLong       = "the member id is longer than 2048 bytes"
	skipNoMembership = "the member does not say whether it joins or leaves"
	skipMembership   = "what the member says about joining or leaving is not understood"
)

// rows is what reading the members keeps between them.
type rows struct {
	cohorts  map[string]int // external id to its place in the batch, once there are several
	last     int            // cohort of the row before
	lastID   []byte         // source text of the cohort fields that led to it
	lastName []byte
	buf      []byte
}

// members reads the arrays in the order in which they count.
func (r *request) members(w *walker, body io.ReadSeeker, start int64) error {
	for _, a := range r.m.arrays {
		v := r.p.at(a.field)
		if v.kind != jsontext.KindBeginArray || v.empty {
			continue
		}
		direction := a.direction
		if direction == 0 {
			direction = r.direction
		}
		if err := w.open(body, start+v.at); err != nil {
			return err
		}
		if err := r.array(w, direction); err != nil {
			return bodyError(err)
		}
	}
	if b := r.batch; b.Received > 0 && b.Skipped == b.Received {
		return fault.Invalidf("none of the %d members in the request payload can be used; the first: %s", b.Received, b.Samples[0].Reason)
	}
	return nil
}

func (r *request) array(w *walker, direction segment.Ops) error {
	if err := w.enter(); err != nil {
		return err
	}
	for !w.closing() {
		if err := w.look(&r.m.member); err != nil {
			return err
		}
		if err := r.row(w, direction); err != nil {
			return err
		}
	}
	return nil
}

// row files one member, or the reason why it is left out.
func (r *request) row(w *walker, direction segment.Ops) error {
	r.batch.Received++
	id, reason := r.memberID(w)
	if reason == "" && direction == 0 {
		direction, reason = r.membership(w)
	}
	if reason != "" {
		r.skip(w, reason)
		return nil
	}
	at, err := r.cohortOf(w)
	if err != nil {
		return err
	}
	c := &r.batch.Cohorts[at]
	c.Received++
	c.Changes.Append(id, direction)
	return nil
}

func valueAt(w *walker, f field) found {
	if f.slot < 0 {
		return found{}
	}
	return w.found[f.slot]
}

// memberID returns the context key of a row, valid until the next row.
func (r *request) memberID(w *walker) (id []byte, reason string) {
	v := valueAt(w, r.m.memberID)
	if v.missing() {
		return nil, skipNoID
	}
	id, fit := v.appendText(r.rows.buf[:0])
	r.rows.buf = id
	switch {
	case fit == wrongType:
		return nil, skipIDType
	case fit == notUnicode:
		return nil, skipIDUnicode
	case len(id) > segment.MaxKeyBytes:
		return nil, skipIDLong
	}
	return id, ""
}

func (r *request) membership(w *walker) (segment.Ops, string) {
	v := valueAt(w, r.m.membership)
	if v.missing() {
		return 0, skipNoMembership
	}
	if re := r.m.joins; re != nil {
		word, ok := v.word()
		switch {
		case !ok:
			return 0, skipMembership
		case re.MatchString(word):
			return segment.Include, ""
		}
		return segment.Uninclude, ""
	}
	switch joins, ok := v.truth(); {
	case !ok:
		return 0, skipMembership
	case joins:
		return segment.Include, ""
	}
	return segment.Uninclude, ""
}

// skip counts a member that is left out, for the cohort it names if that is known already.
func (r *request) skip(w *walker, reason string) {
	b := r.batch
	b.Skipped++
	if len(b.Samples) < segment.MaxSkipSamples {
		b.Samples = append(b.Samples, segment.Skip{Row: b.Received, Reason: reason})
	}
	at := 0
	if id, ok := r.overrideText(w, r.m.override.id); ok {
		at = r.rows.cohorts[id]
	}
	b.Cohorts[at].Received++
}

// cohortOf returns the place in the batch of the cohort that a row belongs to.
func (r *request) cohortOf(w *walker) (int, error) {
	id, name := valueAt(w, r.m.override.id), valueAt(w, r.m.override.name)
	if id.kind == 0 && name.kind == 0 {
		return 0, nil
	}
	// Rows of one cohort mostly stand together: spare them the look-up.
	s := &r.rows
	if s.cohorts != nil && bytes.Equal(id.raw, s.lastID) && bytes.Equal(name.raw, s.lastName) {
		return s.last, nil
	}
	if s.cohorts == nil {
		s.cohorts = map[string]int{r.batch.Cohorts[0].ExternalID: 0}
	}
	at, err := r.lookUpCohort(w)
	if err != nil {
		return 0, err
	}
	s.last = at
	s.lastID = append(s.lastID[:0], id.raw...)
	s.lastName = append(s.lastName[:0], name.raw...)
	return at, nil
}

func (r *request) lookUpCohort(w *walker) (int, error) {
	b := r.batch
	id, ok := r.overrideText(w, r.m.override.id)
	if !ok {
		id = b.Cohorts[0].ExternalID
	}
	if len(id) > MaxCohortIDBytes {
		return 0, fault.Invalidf("the cohort id of a member in the request payload is longer than %d bytes", MaxCohortIDBytes)
	}
	name, named := r.overrideText(w, r.m.override.name)
	at, known := r.rows.cohorts[id]
	switch {
	case known && named:
		b.Cohorts[at].Name = cohortName(name, id)
	case known:
	case len(b.Cohorts) == MaxCohorts:
		return 0, fault.Invalidf("the request payload names more than %d cohorts", MaxCohorts)
	default:
		if !named {
			name = b.Cohorts[0].Name
		}
		at = len(b.Cohorts)
		r.rows.cohorts[id] = at
		b.Cohorts = append(b.Cohorts, segment.Cohort{
			ExternalID: id,
			Name:       cohortName(name, id),
			Changes:    &segment.Changes{},
		})
	}
	return at, nil
}

// overrideText returns what a row says of its cohort. Anything that is no text or whole number says
// nothing.
func (r *request) overrideText(w *walker, f field) (string, bool) {
	v := valueAt(w, f)
	if v.missing() {
		return "", false
	}
	text, fit := v.appendText(nil)
	if fit != fits || strings.TrimSpace(string(text)) == "" {
		return "", false
	}
	return string(text), true
}
