package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// verifyCommand reads everything that is stored and says what is not as it should be.
type verifyCommand struct {
	URL     string `name:"url" help:"Address of the muster." default:"http://127.0.0.1:8080"`
	Token   string `help:"Access token of an administrator, api-…; not needed with --offline."`
	Offline bool   `help:"Read the data folder of a muster that does not run. It is opened as at a start."`
	DataDir string `help:"Data folder for --offline." default:"./muster-data"`
	JSON    bool   `name:"json" help:"Print one line of JSON for each object."`
}

// Help says how the command ends.
func (verifyCommand) Help() string {
	return "It ends with 0 when everything is as it should be, with 4 when something is not, with 130 when it is interrupted, and with 1 when it could not look."
}

// checked is an object that was verified, or how far the verification is: a line of the answer.
type checked struct {
	Kind        string   `json:"kind"`
	Project     string   `json:"projectKey,omitempty"`
	Environment string   `json:"environmentKey,omitempty"`
	Segment     string   `json:"segmentKey,omitempty"`
	Name        string   `json:"name,omitempty"`
	Members     int64    `json:"members,omitempty"`
	Bytes       int64    `json:"bytes,omitempty"`
	Problems    []string `json:"problems"`
	Notes       []string `json:"notes,omitempty"`
}

// Run verifies and prints what it finds.
func (c *verifyCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &report{json: c.JSON, out: os.Stdout}
	stopBar := showProgress(os.Stderr, "verify", func() progress { return progress{done: r.bytes.Load()} })
	err := c.verify(ctx, r)
	stopBar()
	switch {
	case err != nil && ctx.Err() != nil:
		return &ended{interruptedCode, "interrupted; not everything was read"}
	case err != nil:
		return err
	case r.problems > 0:
		return &ended{damagedCode, fmt.Sprintf("%d problems; docs/operate.md says what can be done", r.problems)}
	}
	return nil
}

func (c *verifyCommand) verify(ctx context.Context, r *report) error {
	switch {
	case c.Offline:
		return c.offline(ctx, r)
	case c.Token == "":
		return errors.New("--token is missing; with --offline none is needed, and no muster may run")
	}
	return c.online(ctx, r)
}

// online has a running muster verify.
func (c *verifyCommand) online(ctx context.Context, r *report) error {
	from := remote{URL: c.URL, Token: c.Token}
	res, err := from.ask(ctx, http.MethodPost, from.address("/api/v2/verify"), nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var line checked
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("read the answer of muster at %s: %w", c.URL, err)
		}
		switch line.Kind {
		case "progress":
			r.bytes.Store(line.Bytes)
		case "complete":
			r.end()
			return nil
		default:
			r.add(line)
		}
	}
	return fmt.Errorf("the verification broke off: %w", errors.Join(lines.Err(), io.ErrUnexpectedEOF))
}

// offline opens a data folder, as a start does, and verifies what is in it.
func (c *verifyCommand) offline(ctx context.Context, r *report) (err error) {
	if _, err := os.Stat(c.DataDir); err != nil {
		return err // to open it would make it
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := pebblestore.Open(c.DataDir, vfs.Default, log, nil)
	if err != nil {
		return fmt.Errorf("open the store in %s: %w", c.DataDir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	e, err := engine.Open(ctx, db, db, engine.Options{Logger: log})
	if err != nil {
		return fmt.Errorf("open the store in %s: %w", c.DataDir, err)
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	v := &store.Verification{Hasty: true}
	for found, err := range e.Verify(ctx, v) {
		if err != nil {
			return err
		}
		line := checked{
			Kind: string(found.Kind), Segment: string(found.Segment), Name: found.Name, Members: found.Members, Bytes: found.Bytes,
			Problems: append([]string{}, found.Problems...), Notes: found.Notes,
		}
		if env, ok := e.Environment(found.Env); ok {
			line.Project, line.Environment = string(env.Project), string(env.Key)
		}
		r.bytes.Store(v.Bytes.Load())
		r.add(line)
	}
	r.end()
	return nil
}

// report prints what a verification finds.
type report struct {
	json     bool
	out      io.Writer
	bytes    atomic.Int64
	objects  int
	problems int
}

func (r *report) add(c checked) {
	r.objects++
	r.problems += len(c.Problems)
	if r.json {
		b, _ := json.Marshal(c) // strings and numbers always marshal
		_, _ = fmt.Fprintf(r.out, "%s\n", b)
		return
	}
	name := c.Kind
	if c.Segment != "" {
		name += " of segment " + c.Segment
	}
	if c.Environment != "" {
		name += " in " + c.Project + "/" + c.Environment
	}
	if c.Name != "" {
		name += " (" + c.Name + ")"
	}
	switch {
	case len(c.Problems) > 0:
		for _, problem := range c.Problems {
			_, _ = fmt.Fprintf(r.out, "BAD  %s: %s\n", name, problem)
		}
	case c.Kind == "members":
		_, _ = fmt.Fprintf(r.out, "ok   %s: %s members, %s bytes\n", name, grouped(c.Members), grouped(c.Bytes))
	case len(c.Notes) > 0:
		_, _ = fmt.Fprintf(r.out, "ok   %s: %s\n", name, strings.Join(c.Notes, "; "))
	default:
		_, _ = fmt.Fprintf(r.out, "ok   %s\n", name)
	}
}

func (r *report) end() {
	if !r.json {
		_, _ = fmt.Fprintf(r.out, "%s objects, %s problems\n", grouped(int64(r.objects)), grouped(int64(r.problems)))
	}
}
