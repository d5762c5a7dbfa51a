package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// importCommand uploads a list of context keys into a segment.
type importCommand struct {
	remoteSegment `embed:""`
	File          string `arg:"" optional:"" help:"File with the list; - is standard input." default:"-"`
	Mode          string `help:"What becomes of the keys: merge adds them, replace makes them the whole list, remove removes them." enum:"merge,replace,remove" default:"merge"`
	Format        string `help:"Form of the list: csv, ndjson or json; by the file's name if not given." enum:",csv,ndjson,json" default:""`
	Column        string `help:"Column that holds the key, by name or by index from 0."`
	Header        string `help:"Whether the first row of a CSV names the columns: true or false; looked at if not given." enum:",true,false" default:""`
	ContextKind   string `help:"Context kind of the keys, if the segment lists targets of several."`
	DryRun        bool   `help:"Only say what would change."`
	Override      bool   `help:"Change a segment that is synced from a tool, to repair it."`
	Comment       string `help:"Why, for the audit log."`
	Wait          bool   `help:"Wait until the list is visible; with --no-wait only until it is on the server's disk." default:"true" negatable:""`
}

// Help says how the command ends.
func (importCommand) Help() string {
	return "Files that end in .gz or .zst are sent as they are. It ends with 0 when the list is visible, with 3 when the guard holds it, with 130 when it is interrupted, and with 1 when nothing was changed."
}

// Run uploads the list and waits until it is visible.
func (c *importCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	in, size, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	began := time.Now()
	res, err := c.upload(ctx, &meter{r: in, total: size})
	if err != nil {
		if ctx.Err() != nil {
			return &ended{interruptedCode, "interrupted while uploading; nothing was changed"}
		}
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	if c.DryRun {
		return printPreview(os.Stdout, res.Body)
	}
	at := res.Header.Get("Location")
	id := at[strings.LastIndexByte(at, '/')+1:]
	if !c.Wait {
		_, err := fmt.Printf("received (run %s); how far it is: %s\n", id, c.at("/imports/"+id))
		return err
	}
	return c.await(ctx, id, began)
}

func (c *importCommand) open() (io.ReadCloser, int64, error) {
	if c.File == "-" {
		if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			fmt.Fprintln(os.Stderr, "reading the list from standard input")
		}
		return io.NopCloser(os.Stdin), 0, nil
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, 0, errors.Join(err, f.Close())
	case info.Mode().IsRegular():
		return f, info.Size(), nil
	default:
		return f, 0, nil // how much comes out of a pipe is not known
	}
}

// upload sends the list, with a bar that tells how far it is.
func (c *importCommand) upload(ctx context.Context, body *meter) (*http.Response, error) {
	query := url.Values{"mode": {c.Mode}}
	for name, value := range map[string]string{"column": c.Column, "header": c.Header, "comment": c.Comment, "contextKind": c.ContextKind} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, value := range map[string]bool{"dryRun": c.DryRun, "override": c.Override} {
		if value {
			query.Set(name, "true")
		}
	}
	var rows atomic.Int64
	watching, unwatch := context.WithCancel(ctx)
	defer unwatch()
	if !c.DryRun {
		go c.watchRows(watching, &rows)
	}
	stop := showProgress(os.Stderr, "upload", func() progress { return progress{body.n.Load(), body.total, rows.Load()} })
	defer stop()
	return c.ask(ctx, http.MethodPost, c.at("/imports?"+query.Encode()), body, c.header())
}

// watchRows asks now and then how many rows of the import at work the server has read.
func (c *importCommand) watchRows(ctx context.Context, rows *atomic.Int64) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		var newest struct{ Items []importState }
		if c.read(ctx, c.at("/imports?limit=1"), &newest) == nil && len(newest.Items) > 0 && newest.Items[0].Status == "preparing" {
			rows.Store(newest.Items[0].Progress.Rows)
		}
	}
}

// header says what the file is. A compressed one is sent as it is.
func (c *importCommand) header() http.Header {
	// A server that refuses can say so before a large file is on its way.
	h := http.Header{"Expect": {"100-continue"}}
	name := strings.ToLower(c.File)
	for suffix, encoding := range map[string]string{".gz": "gzip", ".zst": "zstd"} {
		if plain, ok := strings.CutSuffix(name, suffix); ok {
			h.Set("Content-Encoding", encoding)
			name = plain
		}
	}
	format := c.Format
	switch {
	case format != "":
	case strings.HasSuffix(name, ".ndjson"), strings.HasSuffix(name, ".jsonl"):
		format = "ndjson"
	case strings.HasSuffix(name, ".json"):
		format = "json"
	}
	kinds := map[string]string{"": "text/csv", "csv": "text/csv", "ndjson": "application/x-ndjson", "json": "application/json"}
	h.Set("Content-Type", kinds[format])
	return h
}

// importState is what the server says of an import.
type importState struct {
	Status   string `json:"status"`
	Progress struct {
		Rows int64 `json:"rows"`
	} `json:"progress"`
	Result struct {
		Added, Removed, Unchanged, Skipped int64
	} `json:"result"`
	Error struct{ Message string } `json:"error"`
}

// await watches an import until it is decided.
func (c *importCommand) await(ctx context.Context, id string, began time.Time) error {
	var s importState
	err := c.poll(ctx, c.at("/imports/"+id), &s, func() bool { return s.Status != "preparing" && s.Status != "in_progress" })
	switch {
	case ctx.Err() != nil:
		return &ended{interruptedCode, "interrupted while waiting; the list is on the server and the import goes on (run " + id + ")"}
	case err != nil:
		return err
	}
	switch s.Status {
	case "complete":
		r := s.Result
		text := fmt.Sprintf("%s added, %s removed, %s unchanged, %s skipped; visible after %v (run %s)\n", grouped(r.Added), grouped(r.Removed),
			grouped(r.Unchanged), grouped(r.Skipped), time.Since(began).Round(10*time.Millisecond), id)
		if r.Skipped > 0 {
			text += "the skipped rows, with reasons: " + c.at("/runs/"+id+"/rejects") + "\n"
		}
		_, err := io.WriteString(os.Stdout, text)
		return err
	case "held":
		return c.held(ctx, id)
	default:
		return fmt.Errorf("the import came to nothing: %s (run %s)", s.Error.Message, id)
	}
}

// held prints why the guard holds an import, and what can be done.
func (c *importCommand) held(ctx context.Context, id string) error {
	var run struct {
		Hold struct {
			Limit float64
			SetOn string
			Would struct{ Added, Removed, Members int64 }
			Cause string `json:"likelyCause"`
		}
	}
	if err := c.read(ctx, c.at("/runs/"+id), &run); err != nil {
		return err
	}
	h := run.Hold
	var b strings.Builder
	fmt.Fprintf(&b, "held: %s would be added and %s removed, leaving %s members", grouped(h.Would.Added), grouped(h.Would.Removed), grouped(h.Would.Members))
	if h.Limit > 0 {
		fmt.Fprintf(&b, " (limit %g %%, set on %s)", h.Limit, h.SetOn)
	}
	fmt.Fprintf(&b, "\n%s\nlook at it:   GET  %s\nlet it pass:  POST %s\ndrop it:      POST %s\n", h.Cause,
		c.at("/runs/"+id+"/diff"), c.at("/runs/"+id+"/release"), c.at("/runs/"+id+"/discard"))
	if _, err := io.WriteString(os.Stdout, b.String()); err != nil {
		return err
	}
	return &ended{heldCode, "the guard holds the import; nothing of it is visible yet"}
}

func printPreview(out io.Writer, body io.Reader) error {
	var p struct {
		Received, Added, Removed, Unchanged, Skipped int64
		WouldHold                                    bool
		Samples                                      struct {
			Added, Removed []string
			Skipped        []struct {
				Row    int64
				Reason string
			}
		}
	}
	if err := json.NewDecoder(body).Decode(&p); err != nil {
		return fmt.Errorf("read the preview: %w", err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "of %s rows: %s would be added, %s removed, %s unchanged, %s skipped\n", grouped(p.Received), grouped(p.Added), grouped(p.Removed), grouped(p.Unchanged), grouped(p.Skipped))
	for _, key := range p.Samples.Added {
		fmt.Fprintf(&b, "  + %s\n", key)
	}
	for _, key := range p.Samples.Removed {
		fmt.Fprintf(&b, "  - %s\n", key)
	}
	for _, s := range p.Samples.Skipped {
		fmt.Fprintf(&b, "  ? row %d: %s\n", s.Row, s.Reason)
	}
	if p.WouldHold {
		b.WriteString("the guard would hold it until somebody releases it\n")
	}
	_, err := out.Write(b.Bytes())
	return err
}
