package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
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
	Rejects       string `help:"Write the rows that are skipped into this file, with the reasons." placeholder:"FILE"`
	Comment       string `help:"Why, for the audit log."`
	Wait          bool   `help:"Wait until the list is visible; with --no-wait only until it is on the server's disk." default:"true" negatable:""`
}

// Help says how the command ends.
func (importCommand) Help() string {
	return "Compressed lists (gzip, zstd) are sent as they are. It ends with 0 when the list is visible, with 3 when the guard holds it, with 130 when it is interrupted, and with 1 when nothing was changed."
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
	res, err := c.upload(ctx, in, size)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	if c.DryRun {
		return printPreview(os.Stdout, res.Body)
	}
	at := res.Header.Get("Location")
	id := at[strings.LastIndexByte(at, '/')+1:]
	if !c.Wait {
		_, err := fmt.Printf("received (run %s); how far it is: %s\n", id, c.command("runs", id))
		return err
	}
	return c.await(ctx, id, began)
}

func (c *importCommand) open() (*os.File, int64, error) {
	if c.File == "-" {
		if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			fmt.Fprintln(os.Stderr, "reading the list from standard input")
		}
		return os.Stdin, 0, nil
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, 0, errors.Join(err, f.Close())
	case info.IsDir():
		return nil, 0, errors.Join(fmt.Errorf("%s is a folder, not a list", c.File), f.Close())
	case info.Mode().IsRegular():
		return f, info.Size(), nil
	default:
		return f, 0, nil // how much comes out of a pipe is not known
	}
}

// upload sends the list. A file is sent again when the muster goes away meanwhile: the name of the
// request lets the same list count once.
func (c *importCommand) upload(ctx context.Context, in *os.File, size int64) (*http.Response, error) {
	header := http.Header{"Idempotency-Key": {rand.Text()}}
	failed := time.Now()
	for again := false; ; again = true {
		var list *bufio.Reader
		if size > 0 {
			list = bufio.NewReader(in)
		} else {
			list = bufio.NewReader(interruptible(ctx, in))
		}
		// It is waited for here, not by the muster: what writes the list may think for a while.
		head, err := list.Peek(longestMark)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, c.interrupted(ctx, err, false)
		}
		c.describe(header, head)
		began, body := time.Now(), &meter{r: list, total: size}
		res, err := c.send(ctx, body, header)
		said, refused := errors.AsType[*refusal](err)
		if time.Since(began) > away { // it was there for a while
			failed = time.Now()
		}
		// What the muster has not noticed yet to be broken is in the way of a second attempt.
		temporary := err != nil && (!refused || said.status == http.StatusTooManyRequests || again && said.status == http.StatusConflict)
		switch {
		case !temporary || ctx.Err() != nil:
			return res, c.interrupted(ctx, err, body.whole.Load())
		case size == 0:
			return nil, fmt.Errorf("%w; if the list has arrived all the same, it is among %s", err, c.command("runs"))
		case time.Since(failed) > away || !again && !refused && errors.Is(err, syscall.ECONNREFUSED):
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "muster: %v; trying again\n", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, c.interrupted(ctx, ctx.Err(), body.whole.Load())
		}
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
}

// interrupted says what an error means if it comes from whoever ended the command, possibly when all
// of the list was on its way already.
func (c *importCommand) interrupted(ctx context.Context, err error, sent bool) error {
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case sent && !c.DryRun:
		return &ended{interruptedCode, "interrupted while the list arrived; whether it counts tells " + c.command("runs")}
	}
	return &ended{interruptedCode, "interrupted while uploading; nothing was changed"}
}

// interruptible returns a reader that does not wait any more once ctx is done, whereas a pipe may
// never say anything.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		_ = in.CloseWithError(err) // never fails
	}()
	context.AfterFunc(ctx, func() { _ = out.CloseWithError(ctx.Err()) })
	return out
}

// send makes one attempt, with a bar that tells how far it is.
func (c *importCommand) send(ctx context.Context, body *meter, header http.Header) (*http.Response, error) {
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
	return c.ask(ctx, http.MethodPost, c.at("/imports?"+query.Encode()), body, header)
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

// compressedMarks are how compressed files begin.
var compressedMarks = map[string]string{"\x1f\x8b": "gzip", "\x28\xb5\x2f\xfd": "zstd"}

const longestMark = 4

// describe says what the file is, by its name and by how it begins. A compressed one is sent as it is.
func (c *importCommand) describe(h http.Header, head []byte) {
	// A server that refuses can say so before a large file is on its way.
	h.Set("Expect", "100-continue")
	for mark, encoding := range compressedMarks {
		if bytes.HasPrefix(head, []byte(mark)) {
			h.Set("Content-Encoding", encoding)
		}
	}
	name := strings.ToLower(c.File)
	for _, suffix := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, suffix)
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
	stop := showProgress(os.Stderr, "sorting and comparing", func() progress { return progress{} })
	err := c.poll(ctx, c.at("/imports/"+id), &s, func() bool { return s.Status != "preparing" && s.Status != "in_progress" })
	stop()
	switch {
	case ctx.Err() != nil:
		return &ended{interruptedCode, "interrupted while waiting; the list is on the server and the import goes on: " + c.command("runs", id)}
	case err != nil:
		return err
	}
	switch s.Status {
	case "complete":
		r := s.Result
		_, err = fmt.Printf("%s added, %s removed, %s unchanged, %s skipped; visible after %v (run %s)\n", grouped(r.Added), grouped(r.Removed),
			grouped(r.Unchanged), grouped(r.Skipped), time.Since(began).Round(10*time.Millisecond), id)
	case "held":
		err = c.held(ctx, id)
	default:
		return fmt.Errorf("the import came to nothing: %s (run %s)", s.Error.Message, id)
	}
	return errors.Join(c.rejected(ctx, id), err)
}

// rejected fetches the rows that were skipped, or says how to.
func (c *importCommand) rejected(ctx context.Context, id string) error {
	var run runState
	if err := c.read(ctx, c.at("/runs/"+id), &run); err != nil || run.Skipped == 0 {
		return err
	}
	if c.Rejects != "" {
		return c.saveRejects(ctx, id, c.Rejects)
	}
	_, err := fmt.Println("the skipped rows, with the reasons: " + c.command("runs", "--rejects", "FILE", id))
	return err
}

// held prints why the guard holds an import, and what can be done.
func (c *importCommand) held(ctx context.Context, id string) error {
	var run runState
	if err := c.read(ctx, c.at("/runs/"+id), &run); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "held: %s\n", run.Hold)
	if run.Hold.Cause != "" {
		b.WriteString(run.Hold.Cause + "\n")
	}
	fmt.Fprintf(&b, "look at it:   %s\nlet it pass:  %s\ndrop it:      %s\n", c.command("runs", id), c.command("release", id), c.command("discard", id))
	if _, err := io.WriteString(os.Stdout, b.String()); err != nil {
		return err
	}
	return &ended{heldCode, "the guard holds the import; nothing of it is visible yet"}
}
