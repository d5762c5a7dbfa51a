package connector

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/fault"
	"muster/internal/segment"
)

// Bounds of what a request may name: a tool's id of a cohort, and cohorts.
const (
	MaxCohortIDBytes = 512
	MaxCohorts       = 1000
)

const (
	maxEnvironmentBytes  = 128
	maxKindBytes         = 256
	maxURLBytes          = 2048
	maxNameRunes         = 256
	maxDescriptionRunes  = 1024
	maxNotedActionRunes  = 64
	defaultRemovalAction = "remove"
	deletionAction       = "delete"
)

// Parsed is a request of a tool as understood.
type Parsed struct {
	// Batch is never nil. Beside an error it holds what was understood before the fault, for the
	// ledger alone.
	Batch *segment.Batch
	// Ping says that the tool only tries the address: there is nothing to apply.
	Ping bool

	values []found // what the body holds at the manifest's request places; nil if it is no JSON
}

func (p *Parsed) at(f field) found {
	if f.slot < 0 || f.slot >= len(p.values) {
		return found{}
	}
	return p.values[f.slot]
}

// Parse reads a body from its start. The fallback is the environment for bodies that name none.
//
// An error is a *fault.Error when it is the sender's fault or came as one out of body; the result
// is not nil even then, so that the reply can quote the request. A batch without error has skipped
// the members it could not use, never all of them.
func (m *Manifest) Parse(body io.ReadSeeker, fallback segment.EnvID) (*Parsed, error) {
	p := &Parsed{Batch: &segment.Batch{Mode: segment.Delta, Kind: segment.DefaultKind}}
	w := newWalker()
	defer w.close()
	start, err := skipMark(body)
	if err != nil {
		return p, err
	}
	if p.values, err = m.survey(w, body, start); err != nil {
		return p, bodyError(err)
	}
	if m.notPing.slot >= 0 && p.at(m.notPing).absent() {
		p.Ping = true
		return p, nil
	}
	r := request{m: m, p: p, batch: p.Batch}
	if err := r.header(fallback); err != nil {
		return p, err
	}
	return p, r.members(w, body, start)
}

// skipMark returns where the document begins: behind a byte order mark if there is one.
func skipMark(body io.ReadSeeker) (int64, error) {
	var head [3]byte
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("go to start of request body: %w", err)
	}
	_, err := io.ReadFull(body, head[:])
	switch {
	case err == nil && string(head[:]) == "\ufeff":
		return int64(len(head)), nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, nil
	}
	return 0, bodyError(err)
}

// survey reads the whole document for its request places. The members come later: what a request
// says about them may stand behind them.
func (m *Manifest) survey(w *walker, body io.ReadSeeker, start int64) ([]found, error) {
	if err := w.open(body, start); err != nil {
		return nil, err
	}
	if err := w.look(&m.request); err != nil {
		return nil, err
	}
	if err := w.end(); err != nil {
		return nil, err
	}
	values := w.found
	w.found, w.text = nil, nil
	return values, nil
}

// request is the work of one Parse.
type request struct {
	m     *Manifest
	p     *Parsed
	batch *segment.Batch
	// direction is that of every member; zero when arrays or members say their own.
	direction segment.Ops
	rows      rows
}

// header settles everything that holds for the request as a whole.
func (r *request) header(fallback segment.EnvID) error {
	if err := r.environment(fallback); err != nil {
		return err
	}
	if err := r.kind(); err != nil {
		return err
	}
	if err := r.action(); err != nil {
		return err
	}
	if err := r.page(); err != nil {
		return err
	}
	r.messageID()
	empty, err := r.arrays()
	if err != nil {
		return err
	}
	return r.cohort(empty)
}

func (r *request) environment(fallback segment.EnvID) error {
	f := r.m.environment
	v := r.p.at(f)
	if v.missing() {
		if fallback == "" {
			return notFound(f)
		}
		r.batch.Environment = fallback
		return nil
	}
	text, fit := v.appendText(nil)
	id := strings.TrimSpace(string(text))
	switch {
	case fit != fits:
		return unusable(f, fit)
	case id == "" && fallback == "":
		return notFound(f)
	case id == "":
		id = string(fallback)
	case len(id) > maxEnvironmentBytes:
		return tooLong(f, maxEnvironmentBytes)
	}
	r.batch.Environment = segment.EnvID(id)
	return nil
}

var kindForm = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func (r *request) kind() error {
	f := r.m.kind
	v := r.p.at(f)
	if v.missing() {
		return nil
	}
	if v.kind != jsontext.KindString {
		return fault.Invalidf("%s", oneLine("value at "+f.pointer+" in request payload is not a text"))
	}
	text, fit := v.appendText(nil)
	kind := segment.ContextKind(text)
	switch {
	case fit != fits:
		return unusable(f, fit)
	case len(kind) > maxKindBytes:
		return tooLong(f, maxKindBytes)
	case kind == "kind" || kind == "multi" || !kindForm.MatchString(string(kind)):
		return fault.Invalidf("%s", oneLine("value at "+f.pointer+
			" in request payload is no context kind: letters, digits, dots, dashes and underscores, neither kind nor multi"))
	}
	r.batch.Kind = kind
	return nil
}

func (r *request) action() error {
	a := r.m.action
	if a == nil {
		return nil
	}
	v := r.p.at(a.field)
	if v.missing() {
		return notFound(a.field)
	}
	word, ok := v.word()
	switch {
	case !ok:
		return fault.Invalidf("%s", oneLine("value at "+a.pointer+" in request payload is not a text"))
	case a.replace != nil && a.replace.MatchString(word):
		r.direction = segment.Include
		r.batch.Mode = segment.Replace
	case a.add.MatchString(word):
		r.direction = segment.Include
	case a.remove != nil && !a.remove.MatchString(word):
		return fault.Invalidf("%s", oneLine("the action at "+a.pointer+" in request payload neither adds nor removes members"))
	default:
		r.direction = segment.Uninclude
		if a.remove == nil && word != defaultRemovalAction && word != deletionAction {
			r.note("the unusual action " + cut(word, maxNotedActionRunes) + " was taken as a removal")
		}
	}
	return nil
}

// page settles which part of a whole membership the request brings. A tool that pages also says so
// of one page.
func (r *request) page() error {
	f := r.m.page
	if f == nil || r.batch.Mode != segment.Replace {
		return nil
	}
	session, err := r.text(f.session)
	if err != nil {
		return err
	}
	index, err := r.count(f.index)
	if err != nil {
		return err
	}
	total, err := r.count(f.total)
	if err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(session) == "":
		return notFound(f.session)
	case len(session) > segment.MaxMessageIDBytes:
		return tooLong(f.session, segment.MaxMessageIDBytes)
	case total < 1 || total > segment.MaxPages:
		return fault.Invalidf("%s", oneLine(fmt.Sprintf("the number of pages at %s in request payload must be 1 to %d", f.total.pointer, segment.MaxPages)))
	case index < f.first || index-f.first >= total:
		return fault.Invalidf("%s", oneLine(fmt.Sprintf("the page at %s in request payload must be %d to %d", f.index.pointer, f.first, f.first+total-1)))
	}
	r.batch.Page = &segment.Page{Session: session, Index: index - f.first, Total: total}
	return nil
}

// count returns a small number, which may be written as text.
func (r *request) count(f field) (int, error) {
	text, err := r.text(f)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fault.Invalidf("%s", oneLine("value at "+f.pointer+" in request payload is no number of pages")).Because(err)
	}
	return n, nil
}

// messageID keeps what the tool calls the message. One that can't be kept is as good as none:
// changes are absolute, so a repeat does no harm.
func (r *request) messageID() {
	v := r.p.at(r.m.messageID)
	if v.missing() {
		return
	}
	text, fit := v.appendText(nil)
	switch id := strings.TrimSpace(string(text)); {
	case fit != fits || len(id) > segment.MaxMessageIDBytes:
		r.note("the message id can't be used, so that a repeat of the message can't be told")
	default:
		r.batch.MessageID = id
	}
}

func (r *request) note(text string) {
	if r.batch.Note != "" {
		r.batch.Note += "; "
	}
	r.batch.Note += oneLine(text)
}

// arrays checks the member arrays and reports whether all of them are empty.
func (r *request) arrays() (empty bool, err error) {
	empty = true
	for _, a := range r.m.arrays {
		v := r.p.at(a.field)
		switch {
		case v.missing() && a.direction == 0:
			return false, notFound(a.field)
		case v.missing():
		case v.kind != jsontext.KindBeginArray:
			return false, fault.Invalidf("parsed value for member array is not an array")
		case !v.empty:
			empty = false
		}
	}
	return empty, nil
}

// cohort settles the cohort that members belong to unless they say otherwise. A request without
// members may leave it out.
func (r *request) cohort(empty bool) error {
	idField, nameField := r.m.cohort.id, r.m.cohort.name
	if empty && (r.p.at(idField).missing() || r.p.at(nameField).missing()) {
		return nil
	}
	id, err := r.text(idField)
	if err != nil {
		return err
	}
	name, err := r.text(nameField)
	if err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(id) == "" && empty:
		return nil
	case strings.TrimSpace(id) == "":
		return notFound(idField)
	case len(id) > MaxCohortIDBytes:
		return tooLong(idField, MaxCohortIDBytes)
	}
	r.batch.Cohorts = []segment.Cohort{{
		ExternalID:  id,
		Name:        cohortName(name, id),
		Description: r.description(),
		URL:         r.url(),
		Changes:     &segment.Changes{},
	}}
	return nil
}

// text returns a field of the cohort.
func (r *request) text(f field) (string, error) {
	v := r.p.at(f)
	if v.missing() {
		return "", notFound(f)
	}
	text, fit := v.appendText(nil)
	damagedName := fit == notUnicode && f == r.m.cohort.name // which still names
	if fit != fits && !damagedName {
		return "", unusable(f, fit)
	}
	return string(text), nil
}

func (r *request) description() string {
	v := r.p.at(r.m.description)
	if v.kind != jsontext.KindString {
		return ""
	}
	text, _ := v.appendText(nil)
	return cut(strings.TrimSpace(string(text)), maxDescriptionRunes)
}

func (r *request) url() string {
	v := r.p.at(r.m.url)
	if v.missing() {
		return ""
	}
	if v.kind == jsontext.KindString && len(v.raw) <= maxURLBytes {
		if text, fit := v.appendText(nil); fit == fits && webAddress(string(text)) {
			return string(text)
		}
	}
	r.note("the link to the cohort is no http or https address and was left out")
	return ""
}

// cohortName returns the name that a segment shows for a cohort.
func cohortName(name, id string) string {
	if strings.TrimSpace(name) == "" {
		name = id
	}
	return cut(name, maxNameRunes)
}

// cut returns at most the first n characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func notFound(f field) error {
	return fault.Invalidf("%s", oneLine("could not find path "+f.pointer+" in request payload"))
}

func tooLong(f field, limit int) error {
	return fault.Invalidf("%s", oneLine(fmt.Sprintf("value at %s in request payload is longer than %d bytes", f.pointer, limit)))
}

func unusable(f field, why fit) error {
	what := "is neither a text nor a whole number"
	if why == notUnicode {
		what = "is not valid Unicode"
	}
	return fault.Invalidf("%s", oneLine("value at "+f.pointer+" in request payload "+what))
}

// oneLine makes a text safe for the naive readers of error messages: no quotes, no backslashes, no
// control characters.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r == '\\':
			return '/'
		case r < ' ' || r == 0x7f || r == utf8.RuneError || r == '\u2028' || r == '\u2029':
			return ' '
		}
		return r
	}, s)
}
