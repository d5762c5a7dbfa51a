package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// remote is how a command reaches a muster that is running.
type remote struct {
	URL         string `name:"url" help:"Address of the muster." default:"http://127.0.0.1:8080"`
	Token       string `help:"Access token, api-…." required:""`
	Project     string `help:"Project key." default:"default"`
	Environment string `help:"Environment key." default:"production"`
	Segment     string `help:"Segment key." required:""`
}

// path returns the address of something below the segment.
func (r *remote) path(below string) string {
	return strings.TrimSuffix(r.URL, "/") + "/api/v2/segments/" + url.PathEscape(r.Project) + "/" + url.PathEscape(r.Environment) + "/" + url.PathEscape(r.Segment) + below
}

// ask sends a request and returns the answer, or the sentence with which it was refused.
func (r *remote) ask(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Authorization", r.Token)
	req.Header.Set("User-Agent", "muster/"+version())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reach muster at %s: %w", r.URL, err)
	}
	if res.StatusCode < http.StatusBadRequest {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	var refusal struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &refusal) != nil || refusal.Message == "" {
		refusal.Message = strings.TrimSpace(string(text))
	}
	return nil, fmt.Errorf("%s (%d)", refusal.Message, res.StatusCode)
}

// read decodes the answer to a GET.
func (r *remote) read(ctx context.Context, path string, v any) error {
	res, err := r.ask(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	return json.NewDecoder(res.Body).Decode(v)
}

// importCommand uploads a list of context keys into a segment.
type importCommand struct {
	remote   `embed:""`
	File     string `arg:"" help:"File with the list; - reads standard input."`
	Mode     string `help:"What becomes of the keys: merge adds them, replace makes them the whole list, remove removes them." enum:"merge,replace,remove" default:"merge"`
	Format   string `help:"Form of the list: csv, ndjson or json; by the file's name if not given." enum:",csv,ndjson,json" default:""`
	Column   string `help:"Column that holds the key, by name or by index from 0."`
	Header   string `help:"Whether the first row of a CSV names the columns: true or false; looked at if not given." enum:",true,false" default:""`
	DryRun   bool   `help:"Only say what would change."`
	Override bool   `help:"Change a segment that is synced from a tool, to repair it."`
	Comment  string `help:"Why, for the audit log."`
}

// errHeld makes scripts notice that nothing is visible yet.
var errHeld = errors.New("the guard holds the import; look at it and release or discard it")

// Run uploads the list and waits until it is visible.
func (c *importCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	in, size, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	query := url.Values{"mode": {c.Mode}}
	for name, value := range map[string]string{"column": c.Column, "header": c.Header, "comment": c.Comment} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, value := range map[string]bool{"dryRun": c.DryRun, "override": c.Override} {
		if value {
			query.Set(name, "true")
		}
	}
	body := &meter{r: in, total: size}
	bar := newBar(os.Stderr, "upload")
	watching := bar.watch(body.state)
	res, err := c.ask(ctx, http.MethodPost, c.path("/imports?"+query.Encode()), body, c.header())
	watching()
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	if c.DryRun {
		return printPreview(os.Stdout, res.Body)
	}
	id := res.Header.Get("Location")
	return c.wait(ctx, id[strings.LastIndexByte(id, '/')+1:])
}

func (c *importCommand) open() (io.ReadCloser, int64, error) {
	if c.File == "-" {
		return io.NopCloser(os.Stdin), 0, nil
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// header says what the file is. A compressed one is sent as it is.
func (c *importCommand) header() http.Header {
	h := http.Header{}
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

// wait watches an import until it is decided.
func (c *importCommand) wait(ctx context.Context, id string) error {
	pause := 20 * time.Millisecond
	for {
		var s importState
		if err := c.read(ctx, c.path("/imports/"+id), &s); err != nil {
			return err
		}
		switch s.Status {
		case "complete":
			r := s.Result
			fmt.Printf("%s added, %s removed, %s unchanged, %s skipped (run %s)\n", grouped(r.Added), grouped(r.Removed), grouped(r.Unchanged), grouped(r.Skipped), id)
			if r.Skipped > 0 {
				fmt.Printf("skipped rows: %s\n", c.path("/runs/"+id+"/rejects"))
			}
			return nil
		case "held":
			fmt.Printf("nothing is visible yet: run %s\n  release: POST %s\n  discard: POST %s\n", id, c.path("/runs/"+id+"/release"), c.path("/runs/"+id+"/discard"))
			return errHeld
		case "stopped":
			return fmt.Errorf("the import came to nothing: %s (run %s)", s.Error.Message, id)
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, 500*time.Millisecond)
		case <-ctx.Done():
			return fmt.Errorf("stopped waiting; the import goes on (run %s)", id)
		}
	}
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

// grouped writes a number with its thousands apart.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// meter counts what is read through it.
type meter struct {
	r     io.Reader
	n     atomic.Int64
	total int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n.Add(int64(n))
	return n, err
}

func (m *meter) state() (done, total int64) { return m.n.Load(), m.total }

// bar shows progress on a terminal, and nothing elsewhere.
type bar struct {
	out  *os.File
	what string
	tty  bool
}

func newBar(out *os.File, what string) *bar {
	info, err := out.Stat()
	return &bar{out: out, what: what, tty: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// watch draws the bar until the returned function is called.
func (b *bar) watch(state func() (done, total int64)) (stop func()) {
	if !b.tty {
		return func() {}
	}
	began, quit, gone := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			b.draw(state, time.Since(began))
			select {
			case <-tick.C:
			case <-quit:
				b.draw(state, time.Since(began))
				_, _ = fmt.Fprintln(b.out)
				return
			}
		}
	}()
	return func() { close(quit); <-gone }
}

func (b *bar) draw(state func() (done, total int64), elapsed time.Duration) {
	const width = 30
	done, total := state()
	rate := float64(done) / max(elapsed.Seconds(), 0.001)
	line := fmt.Sprintf("%s %s MB, %.0f MB/s", b.what, grouped(done>>20), rate/(1<<20))
	if total > 0 {
		full := int(min(done, total) * width / total)
		left := time.Duration(float64(total-done) / max(rate, 1) * float64(time.Second)).Round(time.Second)
		line = fmt.Sprintf("%s [%s%s] %d %%, %s of %s MB, %.0f MB/s, %s left", b.what, strings.Repeat("=", full), strings.Repeat(" ", width-full),
			done*100/total, grouped(done>>20), grouped(total>>20), rate/(1<<20), max(left, 0))
	}
	_, _ = fmt.Fprintf(b.out, "\r%s\x1b[K", line) // what can't be drawn is missed by nobody
}
