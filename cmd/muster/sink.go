package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// sinkCommands look after the stores that a running muster keeps current.
type sinkCommands struct {
	List    sinkListCommand    `cmd:"" help:"List the persistent stores of an environment, and how each is doing."`
	Show    sinkShowCommand    `cmd:"" help:"Say all of how a store is doing."`
	Test    sinkTestCommand    `cmd:"" help:"Try the connection and the rights of a store."`
	Verify  sinkVerifyCommand  `cmd:"" help:"Compare a store with the truth, and wait for what comes of it."`
	Rebuild sinkRebuildCommand `cmd:"" help:"Write everybody to a store once more, and remove what doesn't belong there."`
	Pause   sinkPauseCommand   `cmd:"" help:"Write nothing to a store until it is resumed."`
	Resume  sinkResumeCommand  `cmd:"" help:"Go on to write to a store."`
	Create  sinkCreateCommand  `cmd:"" help:"Begin to keep a store current."`
	Delete  sinkDeleteCommand  `cmd:"" help:"Write to a store no more. What was written stays there."`
}

const sinksAt = "/api/v2/integration-capabilities/big-segment-store"

// listedSink is a store as the muster lists it.
type listedSink struct {
	ID          string `json:"_id"`
	Kind        string `json:"integrationKey"`
	Project     string `json:"projectKey"`
	Environment string `json:"environmentKey"`
	Name        string
}

// title returns the name of a store, or its id.
func (s *listedSink) title() string {
	if s.Name != "" {
		return s.Name
	}
	return s.ID
}

func (e *remoteEnvironment) sinksOf(kind string) string {
	return e.address(sinksAt + "/" + url.PathEscape(e.Project) + "/" + url.PathEscape(e.Environment) + "/" + url.PathEscape(kind))
}

func (e *remoteEnvironment) sinks(ctx context.Context) ([]listedSink, error) {
	var all struct{ Items []listedSink }
	if err := e.send(ctx, http.MethodGet, e.address(sinksAt), nil, &all); err != nil {
		return nil, err
	}
	var here []listedSink
	for _, s := range all.Items {
		if s.Project == e.Project && s.Environment == e.Environment {
			here = append(here, s)
		}
	}
	return here, nil
}

// oneSink is how a command reaches a store.
type oneSink struct {
	remoteEnvironment `embed:""`
	Sink              string `arg:"" help:"The store, by its id or its name; muster sink list lists them."`
}

// find returns the store and its address.
func (c *oneSink) find(ctx context.Context) (found listedSink, at string, err error) {
	all, err := c.sinks(ctx)
	if err != nil {
		return found, "", err
	}
	n := 0
	for _, s := range all {
		if s.ID == c.Sink {
			found, n = s, 1
			break
		}
		if s.Name == c.Sink {
			found = s
			n++
		}
	}
	switch {
	case n == 0:
		return found, "", fmt.Errorf("environment %s of project %s has no store %q; muster sink list lists them", c.Environment, c.Project, c.Sink)
	case n > 1:
		return found, "", fmt.Errorf("%d stores are called %q; name the one you mean by its id", n, c.Sink)
	}
	return found, c.sinksOf(found.Kind) + "/" + url.PathEscape(found.ID), nil
}

type sinkListCommand struct{ remoteEnvironment }

// Run prints the stores.
func (c *sinkListCommand) Run() error {
	ctx := context.Background()
	all, err := c.sinks(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		_, err := fmt.Println("no stores")
		return err
	}
	t := newTable("STORE", "NAME", "KIND", "STATE", " REVISION", " LAG", "SAYS")
	for _, s := range all {
		var st sinkState
		if err := c.read(ctx, c.sinksOf(s.Kind)+"/"+url.PathEscape(s.ID)+"/status", &st); err != nil {
			return err
		}
		t.row(s.ID, s.Name, s.Kind, st.State, fmt.Sprint(st.Revision), st.lag(), st.Message)
	}
	return t.print()
}

type sinkShowCommand struct{ oneSink }

// Run prints how a store is doing.
func (c *sinkShowCommand) Run() error {
	ctx := context.Background()
	s, at, err := c.find(ctx)
	if err != nil {
		return err
	}
	var st sinkState
	if err := c.read(ctx, at+"/status", &st); err != nil {
		return err
	}
	return st.print(&s)
}

type sinkTestCommand struct{ oneSink }

// Run tries the store.
func (c *sinkTestCommand) Run() error {
	ctx := context.Background()
	s, at, err := c.find(ctx)
	if err != nil {
		return err
	}
	return c.try(ctx, at+"/test", nil, s.title())
}

// try has a store tried and says what came of it.
func (r *remote) try(ctx context.Context, at string, body []byte, title string) error {
	var tried struct {
		Works bool
		Error string
		Notes []string
	}
	if err := r.send(ctx, http.MethodPost, at, body, &tried); err != nil {
		return err
	}
	if !tried.Works {
		return fmt.Errorf("%s does not work: %s", title, tried.Error)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s works\n", title)
	for _, note := range tried.Notes {
		fmt.Fprintf(&b, "  note: %s\n", note)
	}
	_, err := io.WriteString(os.Stdout, b.String())
	return err
}

type sinkVerifyCommand struct {
	oneSink `embed:""`
	Full    bool `help:"Compare everybody instead of a sample of about 2,000 contexts."`
	Repair  bool `help:"Put right what is wrong."`
}

// Help says how the command ends.
func (sinkVerifyCommand) Help() string {
	return "It ends with 0 when nothing differs or everything was put right, with 4 when something differs, and with 1 when it could not compare."
}

// Run compares a store with the truth.
func (c *sinkVerifyCommand) Run() error {
	ctx := context.Background()
	_, at, err := c.find(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]bool{"full": c.Full, "repair": c.Repair})
	if err != nil {
		return err
	}
	const status = "/status?limit=1" // of the segments, which are not looked at
	var before, now sinkState
	if err := c.read(ctx, at+status, &before); err != nil {
		return err
	}
	if err := c.send(ctx, http.MethodPost, at+"/verify", body, nil); err != nil {
		return err
	}
	stop := showProgress(os.Stderr, "verify", func() progress { return progress{} })
	err = c.poll(ctx, at+status, &now, func() bool {
		over := now.comparedSince(&before)
		if !over {
			now = sinkState{} // what the next answer leaves out is not of this one
		}
		return over
	})
	stop()
	if err != nil {
		return err
	}
	v := now.Verification
	var b strings.Builder
	v.write(&b)
	if _, err := io.WriteString(os.Stdout, b.String()); err != nil {
		return err
	}
	switch {
	case v.Error != "":
		return errors.New("the comparison ended early")
	case v.differences() > 0 && !v.Repair:
		return &ended{damagedCode, "store and truth differ; --full --repair puts it right"}
	}
	return nil
}

type sinkRebuildCommand struct {
	oneSink  `embed:""`
	TakeOver bool `help:"Also if somebody else, such as a Relay Proxy, kept the store so far."`
}

// Run begins to write everybody.
func (c *sinkRebuildCommand) Run() error {
	ctx := context.Background()
	s, at, err := c.find(ctx)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]bool{"takeOver": c.TakeOver})
	if err != nil {
		return err
	}
	if err := c.send(ctx, http.MethodPost, at+"/rebuild", body, nil); err != nil {
		return err
	}
	_, err = fmt.Printf("%s takes all members once more; SDKs go on to read it. muster sink show says how far it is\n", s.title())
	return err
}

type sinkPauseCommand struct{ oneSink }

// Run pauses the writing.
func (c *sinkPauseCommand) Run() error {
	return c.switchTo("/pause", "is paused: nothing is written to it, and SDKs call it stale after two minutes")
}

type sinkResumeCommand struct{ oneSink }

// Run goes on with it.
func (c *sinkResumeCommand) Run() error { return c.switchTo("/resume", "goes on where it stopped") }

// switchTo pauses or resumes the writing.
func (c *oneSink) switchTo(what, says string) error {
	ctx := context.Background()
	s, at, err := c.find(ctx)
	if err != nil {
		return err
	}
	if err := c.send(ctx, http.MethodPost, at+what, nil, nil); err != nil {
		return err
	}
	_, err = fmt.Println(s.title(), says)
	return err
}

type sinkCreateCommand struct {
	remoteEnvironment `embed:""`
	Kind              string `arg:"" help:"redis or dynamodb." enum:"redis,dynamodb"`
	File              string `arg:"" help:"File with the name, on and the config of the store, as the API takes them: {\"name\":…,\"on\":true,\"config\":{…}}; - is standard input."`
	SkipTest          bool   `help:"Do not try the store first."`
}

// Run tries the store and begins to keep it.
func (c *sinkCreateCommand) Run() error {
	ctx := context.Background()
	body, err := readWhole(c.File)
	if err != nil {
		return err
	}
	at := c.sinksOf(c.Kind)
	if !c.SkipTest {
		if err := c.try(ctx, at+"/test", body, "the store"); err != nil {
			return fmt.Errorf("%w; nothing was made. --skip-test makes it all the same", err)
		}
	}
	var made listedSink
	if err := c.send(ctx, http.MethodPost, at, body, &made); err != nil {
		return err
	}
	_, err = fmt.Printf("made %s; muster sink show %s says how far it is\n", made.title(), made.ID)
	return err
}

// readWhole reads a file, or standard input for -.
func readWhole(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file)
}

type sinkDeleteCommand struct{ oneSink }

// Run ends the writing for good.
func (c *sinkDeleteCommand) Run() error {
	ctx := context.Background()
	s, at, err := c.find(ctx)
	if err != nil {
		return err
	}
	if err := c.send(ctx, http.MethodDelete, at, nil, nil); err != nil {
		return err
	}
	_, err = fmt.Printf("%s is kept current no more; what was written stays there\n", s.title())
	return err
}
