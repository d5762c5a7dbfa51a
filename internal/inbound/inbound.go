// Package inbound is the HTTP side of ingest: the endpoint that tools push to.
//
// It authenticates, bounds and decodes the body, picks the tool's manifest by the path, hands the
// parsed batch to ingest and answers the way the tool expects. It never applies anything itself.
// Every temporary trouble is answered 429, the one code that no known tool gives up on
// (RudderStack's and Segment's senders drop data on other 4xx and in time on 5xx).
package inbound

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/semaphore"

	"muster/internal/access"
	"muster/internal/activity"
	"muster/internal/catalog"
	"muster/internal/connector"
	"muster/internal/fault"
	"muster/internal/ingest"
	"muster/internal/segment"
)

// Options bound what a request may cost.
type Options struct {
	// MaxBody is the largest body in bytes, after decompression. The operator sets it with --max-body.
	MaxBody int64
	// SpoolDir is where bodies too large for memory wait; it must exist.
	SpoolDir string
	// Now is the clock.
	Now func() time.Time
}

// Inbound serves the connector endpoints.
type Inbound struct {
	ingest   *ingest.Ingest
	access   *access.Access
	tools    *connector.Registry
	activity *activity.Activity
	log      *slog.Logger
	options  Options
	large    *semaphore.Weighted // bytes of large bodies being parsed at once
	metrics  *metrics
	draining atomic.Bool
}

// New returns the endpoints. The activity is told of every call.
func New(i *ingest.Ingest, a *access.Access, tools *connector.Registry, told *activity.Activity, log *slog.Logger, o Options) *Inbound {
	return &Inbound{
		ingest: i, access: a, tools: tools, activity: told, log: log, options: o,
		large: semaphore.NewWeighted(o.MaxBody), metrics: newMetrics(),
	}
}

// Drain makes every later request answer "try again", so that tools come back to the next process.
func (in *Inbound) Drain() { in.draining.Store(true) }

// TestHeader marks a call by which somebody tries a tool out. What it is set to does not matter.
const TestHeader = "X-Muster-Test"

// Routes are the paths to serve, both spellings that tools use, each also with a trailing slash.
var Routes = []string{
	"/api/v2/segment-targets/{integrationKey}", "/api/v2/segment-targets/{integrationKey}/{$}",
	"/api/v2/segment-target/{integrationKey}", "/api/v2/segment-target/{integrationKey}/{$}",
}

// call is one request on its way to its answer.
type call struct {
	*Inbound
	w        http.ResponseWriter
	r        *http.Request
	received time.Time
	token    catalog.ID
	tool     *connector.Manifest
	parsed   *connector.Parsed
	receipt  ingest.Receipt
}

// ServeHTTP takes a tool's push.
func (in *Inbound) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Inbound: in, w: w, r: r, received: in.options.Now()}
	err := c.push()
	c.answer(err)
}

func (c *call) push() error {
	if c.r.Method != http.MethodPost {
		c.w.Header().Set("Allow", http.MethodPost)
		return fault.New(fault.Invalid, fault.CodeMethod, "Method not allowed")
	}
	if c.draining.Load() {
		return fault.Unavailablef("muster is shutting down; send the request again")
	}
	who, err := c.access.Caller(access.Credential(c.r.Header.Get("Authorization")))
	if err != nil {
		return err
	}
	if who.Token != nil {
		c.token = who.Token.ID
	}
	tool, ok := c.tools.Lookup(c.r.PathValue("integrationKey"))
	if !ok {
		return fault.NotFoundf("Unknown integration key; the documentation lists the tools that muster knows")
	}
	c.tool = tool
	idempotency := c.r.Header.Get("Idempotency-Key")
	if len(idempotency) > segment.MaxMessageIDBytes || !utf8.ValidString(idempotency) {
		return fault.Invalidf("an Idempotency-Key has 1 to %d characters", segment.MaxMessageIDBytes)
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it was only read
	if body.large() {
		waiting, cancel := context.WithTimeout(c.r.Context(), turn)
		defer cancel()
		if err := c.large.Acquire(waiting, body.size); err != nil {
			return fault.Unavailablef("too many large bodies at once; send the request again").Because(err)
		}
		defer c.large.Release(body.size)
	}
	started := time.Now()
	c.parsed, err = tool.Parse(body, segment.EnvID(c.r.URL.Query().Get("environmentId")))
	if err != nil || c.parsed.Ping {
		return err
	}
	push := ingest.Push{
		Tool:        c.tool.Key,
		ToolName:    c.tool.Name,
		Batch:       c.parsed.Batch,
		Bytes:       body.size,
		ReceivedAt:  c.received,
		Parse:       time.Since(started),
		UserAgent:   c.r.UserAgent(),
		Idempotency: idempotency,
		Test:        c.r.Header.Get(TestHeader) != "",
	}
	if idempotency == "" {
		push.Idempotency = c.parsed.Batch.MessageID
	}
	c.receipt, err = c.ingest.Push(c.r.Context(), who, push)
	return err
}

// statuses says which HTTP status each kind of error has here.
var statuses = map[fault.Kind]int{
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Refused:         http.StatusConflict,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unavailable:     http.StatusTooManyRequests,
	fault.Internal:        http.StatusInternalServerError,
}

// retryAfter is how long a tool is asked to wait. A restart takes less.
const retryAfter = 2 * time.Second

func (c *call) answer(err error) {
	status, body := c.render(err)
	if status == http.StatusTooManyRequests {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		c.w.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(c.options.Now().Add(retryAfter).UnixMilli(), 10))
	}
	if len(body) > 0 {
		c.w.Header().Set("Content-Type", "application/json")
	}
	c.metrics.observe(c, status)
	c.w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = c.w.Write(body) // the client is gone if this fails, and the ledger has the run
	}
	c.report(status, err)
	c.tell(status, err)
}

// tell lets those who watch the environment see the call. It says nothing of members.
func (c *call) tell(status int, err error) {
	told := activity.Call{At: c.received, Path: c.r.URL.Path, Status: status, Token: c.token, Env: segment.EnvID(c.r.URL.Query().Get("environmentId"))}
	if c.tool != nil {
		told.Tool = string(c.tool.Key)
	}
	if c.parsed != nil && c.parsed.Batch.Environment != "" {
		told.Env = c.parsed.Batch.Environment
	}
	if err != nil {
		told.Message = oneLine(fault.From(err).Message)
	}
	if len(c.receipt.Runs) > 0 {
		told.Run = c.receipt.Runs[0].ID
	}
	c.activity.Called(told)
}

// render returns the answer in the tool's own form if its manifest has one, else ours.
func (c *call) render(err error) (int, []byte) {
	outcome := connector.Outcome{Status: http.StatusOK}
	if err != nil {
		f := fault.From(err)
		outcome.Status, outcome.Code, outcome.ErrorMessage = statuses[f.Kind], f.Code, oneLine(f.Message)
		if f.Code == fault.CodeMethod {
			outcome.Status = http.StatusMethodNotAllowed
		}
	}
	if c.tool == nil {
		return outcome.Status, errorBody(string(outcome.Code), outcome.ErrorMessage)
	}
	outcome.ProjectKey, outcome.EnvironmentKey = string(c.receipt.Project), string(c.receipt.Environment)
	outcome.SegmentURL = c.page()
	for n, run := range c.receipt.Runs {
		if n == 0 {
			outcome.SegmentKey, outcome.SyncID = run.Segment, run.ID
		}
		outcome.Added += run.Added
		outcome.Removed += run.Removed
		outcome.Skipped += run.Skipped
	}
	return c.tool.Reply(c.parsed, outcome)
}

// page returns the address of the request-level segment in the user interface, as far as known.
func (c *call) page() string {
	if c.receipt.Project == "" || len(c.receipt.Runs) == 0 || c.receipt.Runs[0].Segment == "" {
		return ""
	}
	scheme := "http"
	if c.r.TLS != nil || c.r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host + "/ui/projects/" + string(c.receipt.Project) + "/environments/" +
		string(c.receipt.Environment) + "/segments/" + string(c.receipt.Runs[0].Segment)
}

// report logs what an operator looks for when a sync doesn't arrive; never members or tokens.
func (c *call) report(status int, err error) {
	attrs := []slog.Attr{
		slog.String("integration", c.r.PathValue("integrationKey")),
		slog.Int("status", status),
		slog.Duration("duration", c.options.Now().Sub(c.received)),
	}
	if err == nil {
		for _, run := range c.receipt.Runs {
			c.log.LogAttrs(c.r.Context(), slog.LevelDebug, "sync applied", append(attrs,
				slog.String("segment", string(run.Segment)), slog.Int("added", run.Added), slog.Int("removed", run.Removed),
				slog.Int("unchanged", run.Unchanged), slog.Int("skipped", run.Skipped))...)
		}
		return
	}
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	c.log.LogAttrs(c.r.Context(), level, "sync refused", append(attrs, slog.Any("err", err))...)
}

func errorBody(code, message string) []byte {
	body, _ := json.Marshal(struct { // two strings always marshal
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code, message})
	return body
}

// oneLine keeps messages free of what breaks the templates and logs of tools.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r == '\\', r < ' ':
			return ' '
		}
		return r
	}, s)
}
