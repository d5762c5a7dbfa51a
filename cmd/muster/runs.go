package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// runsCommand shows the ledger of a segment.
type runsCommand struct {
	remoteSegment `embed:""`
	Only          string `arg:"" optional:"" name:"run" help:"Show all of one run: what it did, to whom for example, who sent it, and why it was held or refused."`
	Limit         int    `help:"How many runs, newest first." default:"20"`
	State         string `help:"Only runs in this state, such as held or rejected."`
	Rejects       string `help:"Write the rows that the run skipped into this file, with the reasons; - is standard output." placeholder:"FILE"`
}

// runState is what the server says of a run.
type runState struct {
	ID         string `json:"_id"`
	State      string
	Kind       string
	Tool       string
	Mode       string
	Received   int64
	Added      int64
	Removed    int64
	Unchanged  int64
	Skipped    int64
	Parked     int64
	ReceivedAt int64
	LiveAt     int64
	Durations  struct{ Parse, Stage, Commit int64 }
	Revision   uint64
	Actor      struct{ Kind, Name string }
	UserAgent  string
	Comment    string
	Note       string
	Error      string
	Samples    []skippedRow `json:"skippedSample"`
	Hold       *holdState
	Holdable   int64 `json:"holdableUntil"`
}

// holdState is why the guard holds a run, and what the run would do.
type holdState struct {
	Limit float64
	SetOn string
	Would struct{ Added, Removed, Members int64 }
	Cause string `json:"likelyCause"`
}

func (h *holdState) String() string {
	text := fmt.Sprintf("%s would be added and %s removed, leaving %s members", grouped(h.Would.Added), grouped(h.Would.Removed), grouped(h.Would.Members))
	if h.Limit > 0 {
		text += fmt.Sprintf(" (limit %g %%, set on %s)", h.Limit, h.SetOn)
	}
	return text
}

// who returns whom a run came from.
func (r *runState) who() string {
	switch {
	case r.Tool != "":
		return r.Tool
	case r.Actor.Name != "":
		return r.Actor.Kind + " " + r.Actor.Name
	}
	return r.Actor.Kind
}

// Run prints the ledger, or one row of it.
func (c *runsCommand) Run() error {
	ctx := context.Background()
	switch {
	case c.Only == "" && c.Rejects != "":
		return errors.New("name the run whose skipped rows you want")
	case c.Only == "":
		return c.list(ctx)
	case c.Rejects != "":
		return c.saveRejects(ctx, c.Only, c.Rejects)
	}
	return c.explain(ctx)
}

func (c *runsCommand) list(ctx context.Context) error {
	query := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	if c.State != "" {
		query.Set("state", c.State)
	}
	var page struct {
		Items      []runState
		TotalCount int64
	}
	if err := c.read(ctx, c.at("/runs?"+query.Encode()), &page); err != nil {
		return err
	}
	if len(page.Items) == 0 {
		_, err := fmt.Println("no runs")
		return err
	}
	t := newTable("RUN", "STATE", "KIND", "RECEIVED AT", " ADDED", " REMOVED", " SKIPPED", "FROM")
	for _, r := range page.Items {
		added, removed := grouped(r.Added), grouped(r.Removed)
		if r.State == "held" { // what it would do
			added, removed = "("+grouped(r.Hold.Would.Added)+")", "("+grouped(r.Hold.Would.Removed)+")"
		}
		t.row(r.ID, r.State, r.Kind, moment(r.ReceivedAt), added, removed, grouped(r.Skipped), r.who())
	}
	if err := t.print(); err != nil {
		return err
	}
	if more := page.TotalCount - int64(len(page.Items)); more > 0 {
		fmt.Fprintf(os.Stderr, "%s older ones are not shown; --limit shows more\n", grouped(more))
	}
	return nil
}

// explain prints all that is known of one run.
func (c *runsCommand) explain(ctx context.Context) error {
	var r runState
	if err := c.read(ctx, c.at("/runs/"+url.PathEscape(c.Only)), &r); err != nil {
		return err
	}
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("run", "%s", r.ID)
	line("state", "%s", r.State)
	line("kind", "%s, %s", r.Kind, r.Mode)
	line("from", "%s, %s", r.who(), r.UserAgent)
	line("received", "%s", moment(r.ReceivedAt))
	if r.LiveAt > 0 {
		line("visible", "%s, %v later, at revision %d", moment(r.LiveAt), time.Duration(r.LiveAt-r.ReceivedAt)*time.Millisecond, r.Revision)
	}
	d := r.Durations
	line("took", "%d ms to read, %d ms to sort and compare, %d ms to commit", d.Parse, d.Stage, d.Commit)
	if r.Comment != "" {
		line("comment", "%s", r.Comment)
	}
	line("contexts", "%s received", grouped(r.Received))
	if r.LiveAt > 0 {
		counts := []count{{r.Added, "added"}, {r.Removed, "removed"}, {r.Unchanged, "unchanged"}, {r.Skipped, "skipped"}}
		if r.Parked > 0 {
			counts = append(counts, count{r.Parked, "kept with a run that is held"})
		}
		writeCounts(&b, counts...)
	}
	if r.Hold != nil {
		held := "held"
		if r.State != held {
			held = "was held"
		}
		fmt.Fprintf(&b, "%s: %s\n", held, r.Hold)
		if r.Hold.Cause != "" {
			b.WriteString(r.Hold.Cause + "\n")
		}
	}
	for _, text := range []string{r.Note, r.Error} {
		if text != "" {
			b.WriteString(text + "\n")
		}
	}
	var would diff
	if c.read(ctx, c.at("/runs/"+url.PathEscape(r.ID)+"/diff"), &would) == nil { // not every run has one, nor may everybody see it
		would.writeSamples(&b)
	}
	samples(&b, "skipped", "  ? ", r.Skipped, each(r.Samples, skippedRow.String))
	if r.State == "held" {
		fmt.Fprintf(&b, "let it pass:  %s\ndrop it:      %s\n", c.command("release", r.ID), c.command("discard", r.ID))
	}
	if r.Holdable > 0 {
		fmt.Fprintf(&b, "hold it again, until %s:  %s\n", moment(r.Holdable), c.command("hold", r.ID))
	}
	_, err := io.WriteString(os.Stdout, b.String())
	return err
}

// saveRejects downloads the rows that a run skipped.
func (r *remoteSegment) saveRejects(ctx context.Context, run, file string) error {
	res, err := r.ask(ctx, http.MethodGet, r.at("/runs/"+url.PathEscape(run)+"/rejects"), nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	return save(file, res.Body)
}

// save writes what r holds into a file, which has its name only when it is whole; - is standard
// output.
func save(name string, r io.Reader) error {
	if name == "-" {
		_, err := io.Copy(os.Stdout, r)
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".muster-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), os.Remove(f.Name()))
	}
	return nil
}

// releaseCommand lets a run pass that the guard holds.
type releaseCommand struct {
	decision `embed:""`
}

// discardCommand drops a run that the guard holds.
type discardCommand struct {
	decision `embed:""`
}

// holdCommand takes the discard of a run back.
type holdCommand struct {
	decision `embed:""`
}

type decision struct {
	remoteSegment `embed:""`
	Held          string `arg:"" name:"run" help:"The run that is or was held; muster runs --state held lists them."`
	Comment       string `help:"Why, for the audit log."`
}

// Run lets the run pass.
func (c *releaseCommand) Run() error { return c.decide("release") }

// Run drops the run.
func (c *discardCommand) Run() error { return c.decide("discard") }

// Run holds the run again.
func (c *holdCommand) Run() error { return c.decide("hold") }

func (c *decision) decide(how string) error {
	var r runState
	if err := c.post(context.Background(), c.at("/runs/"+url.PathEscape(c.Held)+"/"+how), c.Comment, &r); err != nil {
		return err
	}
	text := "discarded; nothing was changed"
	switch {
	case r.State == "live":
		text = fmt.Sprintf("%s added, %s removed; visible at revision %d", grouped(r.Added), grouped(r.Removed), r.Revision)
	case r.State == "held":
		text = "held again: " + r.Hold.String()
	case r.Holdable > 0:
		text += fmt.Sprintf("\nhold it again, until %s:  %s", moment(r.Holdable), c.command("hold", r.ID))
	}
	_, err := fmt.Println(text)
	return err
}

// moment writes a time in Unix milliseconds for people.
func moment(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return time.UnixMilli(ms).Format(time.DateTime)
}

// table is text in columns. The name of a column of numbers begins with a blank.
type table struct {
	columns []string
	rows    [][]string
}

func newTable(columns ...string) *table { return &table{columns: columns} }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print() error {
	width := make([]int, len(t.columns))
	for _, row := range append(t.rows, t.columns) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(strings.TrimSpace(cell)))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.columns}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			cell = strings.TrimSpace(cell)
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if strings.HasPrefix(t.columns[i], " ") {
				cell, pad = pad+cell, ""
			}
			line.WriteString(cell + pad + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(os.Stdout, b.String())
	return err
}
