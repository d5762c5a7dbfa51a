package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// exportCommand downloads the members of a segment.
type exportCommand struct {
	remoteSegment `embed:""`
	File          string `arg:"" optional:"" help:"File to write; - is standard output. One that ends in .gz is compressed." default:"-"`
	ContextKind   string `help:"Context kind of the keys, if the segment lists targets of several."`
	Format        string `help:"csv, one key a row, or ndjson, one object a line; by the file's name if not given." enum:",csv,ndjson" default:""`
}

// exportState is what the server says of an export.
type exportState struct {
	Status    string `json:"status"`
	SizeBytes int64  `json:"sizeBytes"`
	Revision  uint64 `json:"revision"`
	Rows      int64  `json:"rows"`
	Unknown   int64  `json:"unknown"`
	Error     string `json:"error"`
	Links     struct {
		Download struct {
			Href string `json:"href"`
		} `json:"download"`
	} `json:"_links"`
}

// Run has the server write down the members of one moment, and downloads them.
func (c *exportCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := c.export(ctx)
	if err != nil && ctx.Err() != nil {
		return &ended{interruptedCode, "interrupted; the export is not complete"}
	}
	return err
}

func (c *exportCommand) export(ctx context.Context) error {
	res, err := c.ask(ctx, http.MethodPost, c.at("/exports?"+url.Values{"format": {c.format()}, "contextKind": {c.ContextKind}}.Encode()), nil, nil)
	if err != nil {
		return err
	}
	_ = res.Body.Close() // it is empty
	var s exportState
	err = c.poll(ctx, c.address(res.Header.Get("Location")), &s, func() bool { return s.Status == "complete" || s.Status == "stopped" })
	if err != nil {
		return err
	}
	if s.Status == "stopped" {
		return fmt.Errorf("the export came to nothing: %s", s.Error)
	}
	if err := c.download(ctx, s); err != nil {
		return err
	}
	text := fmt.Sprintf("%s members at revision %d", grouped(s.Rows), s.Revision)
	if s.Unknown > 0 {
		text += fmt.Sprintf("; %s more are left out, because muster was never told their keys", grouped(s.Unknown))
	}
	fmt.Fprintln(os.Stderr, text)
	return nil
}

func (c *exportCommand) format() string {
	name := strings.TrimSuffix(strings.ToLower(c.File), ".gz")
	switch {
	case c.Format != "":
		return c.Format
	case strings.HasSuffix(name, ".ndjson"), strings.HasSuffix(name, ".jsonl"):
		return "ndjson"
	default:
		return "csv"
	}
}

// download writes the file. It has its name only when it is whole.
func (c *exportCommand) download(ctx context.Context, s exportState) error {
	header := http.Header{"Accept-Encoding": {"identity"}}
	total := s.SizeBytes
	if strings.HasSuffix(strings.ToLower(c.File), ".gz") {
		header.Set("Accept-Encoding", "gzip")
		total = 0 // how small it becomes is not known
	}
	res, err := c.ask(ctx, http.MethodGet, c.address(s.Links.Download.Href), nil, header)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	body := &meter{r: res.Body, total: total}
	if c.File == "-" {
		return save(c.File, body) // a bar would disturb what is read
	}
	stop := showProgress(os.Stderr, "download", func() progress { return progress{done: body.n.Load(), total: body.total} })
	defer stop()
	return save(c.File, body)
}
