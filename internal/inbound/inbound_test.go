package inbound_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"

	"muster/internal/access"
	"muster/internal/activity"
	"muster/internal/catalog"
	"muster/internal/connector"
	"muster/internal/inbound"
	"muster/internal/ingest"
	"muster/internal/segment"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// sampleEnvironment is the client-side ID in the samples.
const sampleEnvironment segment.EnvID = "64b0c9f2a1d3e4f5061728aa"

const (
	writer = "api-00000000-0000-4000-8000-000000000001"
	reader = "api-00000000-0000-4000-8000-000000000002"
)

// origin is the endpoints over a real store in memory.
type origin struct {
	*httptest.Server
	store    *engine.Engine
	inbound  *inbound.Inbound
	activity *activity.Activity
	spool    string
}

func newOrigin(t testing.TB, maxBody int64) *origin {
	t.Helper()
	return newOriginOn(t, "data", vfs.NewMem(), maxBody)
}

func newOriginOn(t testing.TB, dir string, disk vfs.FS, maxBody int64) *origin {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := pebblestore.Open(dir, disk, log, func(err error) { t.Errorf("store failed: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), db, db, engine.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	seed(t, e)
	tools, err := connector.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	if err := tools.Load(fstest.MapFS{"pinging.json": {Data: []byte(`{"name":"Pinging","capabilities":{"syncedSegment":{"requestParser":{
		"environmentIdPath":"/env","cohortIdPath":"/id","cohortNamePath":"/name","addMemberArrayPath":"/in","removeMemberArrayPath":"/out",
		"memberArrayParser":{"memberIdPath":""}},"x-muster":{"emptyOk":"/env"}}}}`)}}); err != nil {
		t.Fatal(err)
	}
	o := &origin{store: e, spool: t.TempDir()}
	o.activity = activity.New(e)
	t.Cleanup(o.activity.Close)
	o.inbound = inbound.New(ingest.New(e, time.Now, log), access.New(e, time.Now), tools, o.activity, log,
		inbound.Options{MaxBody: maxBody, SpoolDir: o.spool, Now: time.Now})
	mux := http.NewServeMux()
	for _, route := range inbound.Routes {
		mux.Handle(route, o.inbound)
	}
	o.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		o.Close()
		if err := errors.Join(e.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return o
}

func seed(t testing.TB, e *engine.Engine) {
	t.Helper()
	_, err := e.Update(t.Context(), store.Account, func(tx store.Tx) error {
		tx.PutProject(&catalog.Project{ID: catalog.NewID(), Key: "web", Name: "Web", Tags: []string{}, ContextKinds: []catalog.ContextKind{{Key: "user", Name: "User"}}})
		tx.PutEnvironment(&catalog.Environment{
			ID: sampleEnvironment, Project: "web", Key: "production", Name: "Production", Color: "000000", Tags: []string{},
			SDKKey: "sdk-1", MobileKey: "mob-1",
		})
		owner := &catalog.Member{ID: catalog.NewID(), Email: "owner@example.org", Role: catalog.RoleOwner}
		tx.PutMember(owner)
		for secret, role := range map[string]catalog.BaseRole{writer: catalog.RoleWriter, reader: catalog.RoleReader} {
			tx.PutToken(&catalog.Token{ID: catalog.NewID(), Owner: owner.ID, Name: string(role), HashedSecret: catalog.HashedSecret{Hash: catalog.HashSecret(secret)}, Service: true, Role: role})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what a tool gets back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (o *origin) post(t testing.TB, path string, body []byte, header ...string) answer {
	t.Helper()
	return o.send(t, http.MethodPost, path, body, header...)
}

func (o *origin) send(t testing.TB, method, path string, body []byte, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, o.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", writer)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Del(header[i])
		if header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func (o *origin) includes(t testing.TB, key segment.Key, member string) bool {
	t.Helper()
	s, ok := o.store.Segment(sampleEnvironment, key)
	if !ok {
		return false
	}
	view, err := o.store.View(sampleEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	state, err := view.State(s.Ref(), segment.HashOf(member))
	if err != nil {
		t.Fatal(err)
	}
	return state&segment.Include != 0
}

// expectation is what must come of a sample; the file is shared with the connector's tests.
type expectation struct {
	Integration string
	Status      int
	Segments    map[segment.Key]struct {
		Name        string
		ContextKind segment.ContextKind
		ExternalURL string
		ExternalID  string
		Add, Remove []string
	}
	SkippedMembers int
	Noop           bool
}

func TestEverySampleBecomesWhatItMustBecome(t *testing.T) {
	samples := filepath.Join("..", "connector", "testdata")
	text, err := os.ReadFile(filepath.Join(samples, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	expected := map[string]expectation{}
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	if len(expected) < 50 {
		t.Fatalf("only %d samples", len(expected))
	}
	for file, want := range expected {
		t.Run(strings.TrimSuffix(file, ".json"), func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join(samples, "samples", file))
			if err != nil {
				t.Fatal(err)
			}
			o := newOrigin(t, 1<<20)
			for range 2 { // the second time nothing changes and the answer is the same
				got := o.post(t, "/api/v2/segment-targets/"+want.Integration, body)
				if got.status != want.Status {
					t.Fatalf("status %d, want %d: %s", got.status, want.Status, got.body)
				}
				if want.Status >= 400 && want.Integration != "heap-inbound" { // whose template has its own form
					checkError(t, got)
				}
			}
			o.check(t, want)
		})
	}
}

func (o *origin) check(t *testing.T, want expectation) {
	t.Helper()
	segments := o.store.Segments(sampleEnvironment)
	if len(segments) != len(want.Segments) {
		t.Errorf("%d segments, want %d", len(segments), len(want.Segments))
	}
	view, err := o.store.View(sampleEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	for key, w := range want.Segments {
		s, ok := o.store.Segment(sampleEnvironment, key)
		if !ok {
			t.Errorf("no segment %s", key)
			continue
		}
		if want.Noop { // the file leaves the link out where no member changes
			w.ExternalURL = s.Source.URL
		}
		if s.Name != w.Name || s.Kind != w.ContextKind || s.Source.URL != w.ExternalURL || s.Source.ExternalID != w.ExternalID {
			t.Errorf("segment %s is %+v, source %+v", key, s, s.Source)
		}
		if counts, _ := view.Counts(s.Ref()); counts.Included != int64(len(w.Add)) || counts.Excluded != 0 {
			t.Errorf("segment %s counts %+v, want %d members", key, counts, len(w.Add))
		}
		for _, member := range w.Add {
			if !o.includes(t, key, member) {
				t.Errorf("segment %s lacks %q", key, member)
			}
		}
	}
	runs, _, err := o.store.Runs(t.Context(), sampleEnvironment, store.RunQuery{})
	if err != nil {
		t.Fatal(err)
	}
	skipped := 0
	for _, run := range runs {
		skipped += run.Skipped
	}
	if want.Status < 400 && skipped != 2*want.SkippedMembers {
		t.Errorf("%d members skipped in two pushes, want %d each", skipped, want.SkippedMembers)
	}
}

func checkError(t testing.TB, got answer) {
	t.Helper()
	var shape struct{ Code, Message string }
	if err := json.Unmarshal([]byte(got.body), &shape); err != nil || shape.Code == "" || shape.Message == "" {
		t.Errorf("error body %q", got.body)
	}
	if strings.ContainsAny(shape.Message, "\"\\\n") {
		t.Errorf("message is not safe to embed: %s", shape.Message)
	}
	if ct := got.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("content type %q", ct)
	}
}

func rudderstack(members ...string) []byte {
	ids := make([]string, 0, len(members))
	for _, m := range members {
		ids = append(ids, fmt.Sprintf(`{"id":%q}`, m))
	}
	return fmt.Appendf(nil, `{"environmentId":%q,"cohortId":"trial","cohortName":"Trial","listData":{"add":[%s],"remove":[]}}`, sampleEnvironment, strings.Join(ids, ","))
}

func TestBothSpellingsOfThePathWriteTheSameSegment(t *testing.T) {
	o := newOrigin(t, 1<<20)
	for i, path := range []string{
		"/api/v2/segment-targets/rudderstack", "/api/v2/segment-target/rudderstack", "/api/v2/segment-targets/rudderstack/",
		"/api/v2/segment-target/RudderStack/", "/api/v2/segment-targets/RUDDERSTACK",
	} {
		member := "u" + strconv.Itoa(i)
		if got := o.post(t, path, rudderstack(member)); got.status != http.StatusNoContent || got.body != "" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		if !o.includes(t, "rudderstack-trial", member) {
			t.Errorf("%s did not reach the segment", path)
		}
	}
	if n := len(o.store.Segments(sampleEnvironment)); n != 1 {
		t.Errorf("%d segments", n)
	}
}

func TestCredentials(t *testing.T) {
	o := newOrigin(t, 1<<20)
	tests := map[string]struct {
		header string
		want   int
	}{
		"raw token":                {writer, http.StatusNoContent},
		"raw token with blanks":    {"  " + writer + " ", http.StatusNoContent},
		"bearer":                   {"Bearer " + writer, http.StatusNoContent},
		"basic, token as user":     {basic(writer, ""), http.StatusNoContent},
		"basic, token as secret":   {basic("muster", writer), http.StatusNoContent},
		"none":                     {"", http.StatusUnauthorized},
		"unknown token":            {"api-00000000-0000-4000-8000-00000000ffff", http.StatusUnauthorized},
		"an SDK key":               {"sdk-1", http.StatusUnauthorized},
		"a client-side ID":         {string(sampleEnvironment), http.StatusUnauthorized},
		"basic that is not":        {"Basic ???", http.StatusUnauthorized},
		"a token of a mere reader": {reader, http.StatusForbidden},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := o.post(t, "/api/v2/segment-targets/rudderstack", rudderstack("ann"), "Authorization", tt.header)
			if got.status != tt.want {
				t.Fatalf("status %d, want %d: %s", got.status, tt.want, got.body)
			}
			if tt.want >= 400 {
				checkError(t, got)
				if strings.Contains(got.body, "api-0") || strings.Contains(got.body, "ann") {
					t.Errorf("the answer gives something away: %s", got.body)
				}
			}
		})
	}
}

func basic(user, secret string) string {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.SetBasicAuth(user, secret)
	return req.Header.Get("Authorization")
}

func gzipped(t testing.TB, body []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// damaged turns the middle of what was compressed into something else.
func damaged(body []byte) []byte {
	for i := len(body) / 2; i < len(body)/2+64; i++ {
		body[i] ^= 0x5a
	}
	return body
}

func zstandard(t testing.TB, body []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(body, nil)
}

func TestBodiesAsTheyCome(t *testing.T) {
	const limit = 6 << 20
	plain := rudderstack("ann")
	long := func(n int) []byte { // so many bytes of members, ann among them
		members := []string{"ann"}
		for i := range n / 20 {
			members = append(members, fmt.Sprintf("user-%07d", i)) // 20 bytes with its punctuation
		}
		return rudderstack(members...)
	}
	tests := map[string]struct {
		body   []byte
		header []string
		want   int
	}{
		"plain":                              {plain, nil, http.StatusNoContent},
		"gzip":                               {gzipped(t, plain), []string{"Content-Encoding", "gzip"}, http.StatusNoContent},
		"zstd":                               {zstandard(t, plain), []string{"Content-Encoding", "zstd"}, http.StatusNoContent},
		"without content type":               {plain, []string{"Content-Type", ""}, http.StatusNoContent},
		"with a charset":                     {plain, []string{"Content-Type", "application/json; charset=utf-8"}, http.StatusNoContent},
		"with an odd API version":            {plain, []string{"LD-API-Version", "beta"}, http.StatusNoContent},
		"large enough to be spooled":         {long(5 << 20), nil, http.StatusNoContent},
		"spooled out of gzip":                {gzipped(t, long(5<<20)), []string{"Content-Encoding", "gzip"}, http.StatusNoContent},
		"over the limit":                     {long(limit), nil, http.StatusRequestEntityTooLarge},
		"a gzip bomb":                        {gzipped(t, long(2*limit)), []string{"Content-Encoding", "gzip"}, http.StatusRequestEntityTooLarge},
		"a zstd bomb":                        {zstandard(t, long(2*limit)), []string{"Content-Encoding", "zstd"}, http.StatusRequestEntityTooLarge},
		"gzip in name only":                  {plain, []string{"Content-Encoding", "gzip"}, http.StatusBadRequest},
		"zstd in name only":                  {plain, []string{"Content-Encoding", "zstd"}, http.StatusBadRequest},
		"cut gzip":                           {gzipped(t, plain)[:40], []string{"Content-Encoding", "gzip"}, http.StatusBadRequest},
		"damaged gzip":                       {damaged(gzipped(t, long(1<<20))), []string{"Content-Encoding", "gzip"}, http.StatusBadRequest},
		"damaged zstd":                       {damaged(zstandard(t, long(1<<20))), []string{"Content-Encoding", "zstd"}, http.StatusBadRequest},
		"an encoding that nobody knows":      {plain, []string{"Content-Encoding", "br"}, http.StatusBadRequest},
		"nothing":                            {nil, nil, http.StatusBadRequest},
		"not JSON":                           {[]byte("environmentId=1"), nil, http.StatusBadRequest},
		"deep nesting":                       {[]byte(strings.Repeat("[", 100_000)), nil, http.StatusBadRequest},
		"two documents":                      {slices.Concat(plain, plain), nil, http.StatusBadRequest},
		"an environment that does not exist": {bytes.Replace(plain, []byte(sampleEnvironment), []byte("ffffffffffffffffffffffff"), 1), nil, http.StatusNotFound},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, limit)
			got := o.post(t, "/api/v2/segment-targets/rudderstack", tt.body, tt.header...)
			if got.status != tt.want {
				t.Fatalf("status %d, want %d: %s", got.status, tt.want, got.body)
			}
			if tt.want >= 400 {
				checkError(t, got)
			}
			if o.includes(t, "rudderstack-trial", "ann") != (tt.want < 400) {
				t.Error("members do not agree with the answer")
			}
			if left, err := os.ReadDir(o.spool); err != nil || len(left) > 0 {
				t.Errorf("left in the spool folder: %v, %v", left, err)
			}
		})
	}
}

func TestALimitBelowWhatMemoryHoldsCountsInflatedBytesToo(t *testing.T) {
	const limit = 1 << 10
	o := newOrigin(t, limit)
	fits := slices.Concat(rudderstack("ann"), bytes.Repeat([]byte(" "), limit-len(rudderstack("ann"))))
	for name, tt := range map[string]struct {
		body []byte
		want int
	}{
		"at the limit":         {fits, http.StatusNoContent},
		"one byte over it":     {append(slices.Clone(fits), ' '), http.StatusRequestEntityTooLarge},
		"many times the limit": {bytes.Repeat(fits, 1<<10), http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			for encoding, body := range map[string][]byte{"": tt.body, "gzip": gzipped(t, tt.body), "zstd": zstandard(t, tt.body)} {
				got := o.post(t, "/api/v2/segment-targets/rudderstack", body, "Content-Encoding", encoding)
				if got.status != tt.want {
					t.Errorf("encoding %q: status %d, want %d: %s", encoding, got.status, tt.want, got.body)
				}
				if got.status >= 400 && (!strings.Contains(got.body, "1024 bytes") || !strings.Contains(got.body, "--max-body")) {
					t.Errorf("encoding %q: the refusal names no limit or setting: %s", encoding, got.body)
				}
			}
		})
	}
}

func TestLeftoversOfAKilledProcessAreSweptFromTheSpoolFolder(t *testing.T) {
	o := newOrigin(t, 8<<20)
	for _, name := range []string{"body-1", "body-23", "note"} {
		if err := os.WriteFile(filepath.Join(o.spool, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := inbound.SweepSpool(o.spool); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(o.spool); err != nil || len(left) != 1 || left[0].Name() != "note" {
		t.Errorf("left in the spool folder: %v, %v", left, err)
	}
}

func TestOtherMethodsAreRefusedByName(t *testing.T) {
	o := newOrigin(t, 1<<20)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		got := o.send(t, method, "/api/v2/segment-targets/rudderstack", rudderstack("ann"))
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != http.MethodPost {
			t.Errorf("%s: %d, Allow %q", method, got.status, got.header.Get("Allow"))
		}
		checkError(t, got)
	}
}

func TestAnUnknownToolIsNotFound(t *testing.T) {
	o := newOrigin(t, 1<<20)
	got := o.post(t, "/api/v2/segment-targets/braze", rudderstack("ann"))
	if got.status != http.StatusNotFound {
		t.Errorf("status %d", got.status)
	}
	checkError(t, got)
}

func TestTheEnvironmentMayStandInTheAddressIfTheBodyHasNone(t *testing.T) {
	o := newOrigin(t, 1<<20)
	body := bytes.Replace(rudderstack("ann"), []byte(`"environmentId":"64b0c9f2a1d3e4f5061728aa",`), nil, 1)
	if got := o.post(t, "/api/v2/segment-targets/rudderstack?environmentId="+string(sampleEnvironment), body); got.status != http.StatusNoContent {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := o.post(t, "/api/v2/segment-targets/rudderstack", body); got.status != http.StatusBadRequest {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

func TestDrainingAsksToolsToComeBack(t *testing.T) {
	o := newOrigin(t, 1<<20)
	o.inbound.Drain()
	got := o.post(t, "/api/v2/segment-targets/rudderstack", rudderstack("ann"))
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Fatalf("status %d, headers %v", got.status, got.header)
	}
	reset, err := strconv.ParseInt(got.header.Get("X-Ratelimit-Reset"), 10, 64)
	if err != nil || !time.UnixMilli(reset).After(time.Now()) {
		t.Errorf("X-Ratelimit-Reset %q is not in the future", got.header.Get("X-Ratelimit-Reset"))
	}
	checkError(t, got)
}

func TestAToolWithATemplateGetsItsOwnAnswer(t *testing.T) {
	o := newOrigin(t, 1<<20)
	body := fmt.Appendf(nil, `{"parameters":{"environment_id":%q},"heap":{"data":{"segment":{"id":7,"name":"Say \"hi\" & \\ bye ☕\n"},"add":[{"id":"h1"}]}}}`, sampleEnvironment)
	got := o.post(t, "/api/v2/segment-targets/heap-inbound", body)
	var shape map[string]any
	if err := json.Unmarshal([]byte(got.body), &shape); err != nil || got.status != http.StatusOK {
		t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	if shape["segmentId"] != "heap-inbound-7" || shape["projectId"] != "web" || shape["environmentId"] != "production" || shape["status"] != "success" {
		t.Errorf("answer %v", shape)
	}
	if url, _ := shape["segmentUrl"].(string); url != o.URL+"/ui/projects/web/environments/production/segments/heap-inbound-7" {
		t.Errorf("segment address %v", shape["segmentUrl"])
	}
	failed := o.post(t, "/api/v2/segment-targets/heap-inbound", []byte(`{"parameters":{}}`))
	if err := json.Unmarshal([]byte(failed.body), &shape); err != nil || failed.status != http.StatusBadRequest || shape["status"] != "failure" {
		t.Errorf("%d %s: %v", failed.status, failed.body, err)
	}
}

func TestEveryCallIsToldToThoseWhoWatchWithoutItsMembers(t *testing.T) {
	o := newOrigin(t, 1<<20)
	env, ok := o.store.Environment(sampleEnvironment)
	if !ok {
		t.Fatal("no environment")
	}
	watch, err := o.activity.Watch(env, true)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	calls := func() (calls []activity.Call) {
		t.Helper()
		for len(calls) == 0 {
			events, err := watch.Next(t.Context(), 10*time.Second)
			if err != nil || len(events) == 0 {
				t.Fatalf("no call is told: %v", err)
			}
			for _, e := range events {
				if e.Kind == activity.CallEvent {
					calls = append(calls, e.Call)
				}
			}
		}
		return calls
	}
	const path = "/api/v2/segment-targets/rudderstack"
	body := []byte(`{"environmentId":"` + string(sampleEnvironment) + `","cohortId":"c1","cohortName":"C","listData":{"add":[{"id":"ann"}],"remove":[]}}`)
	if got := o.post(t, path, body); got.status != 204 {
		t.Fatalf("%+v", got)
	}
	told := calls()
	if c := told[0]; len(told) != 1 || c.Env != sampleEnvironment || c.Path != path || c.Tool != "rudderstack" || c.Status != 204 || c.Message != "" || c.Token == "" || c.Run == "" || c.At.IsZero() {
		t.Errorf("%+v", told)
	}
	o.post(t, path, body, "Authorization", "api-nobody")
	if c := calls()[0]; c.Status != 401 || c.Env != "" || c.Token != "" || c.Run != "" || c.Message == "" {
		t.Errorf("%+v", c)
	}
	o.post(t, path, body, "Authorization", reader)
	if c := calls()[0]; c.Status != 403 || c.Env != sampleEnvironment || c.Token == "" || c.Run != "" || c.Message == "" {
		t.Errorf("%+v", c)
	}
	o.post(t, path, bytes.ReplaceAll(body, []byte(`"cohortId":"c1",`), nil))
	if c := calls()[0]; c.Status != 400 || c.Env != sampleEnvironment || strings.Contains(c.Message, "ann") {
		t.Errorf("%+v", c)
	}
}
