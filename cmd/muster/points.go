package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// pointsCommand lists what the members of a segment were, newest first.
type pointsCommand struct{ remoteSegment }

// Run prints the points.
func (c *pointsCommand) Run() error {
	var page struct {
		Items []struct {
			ID        string `json:"_id"`
			Current   bool
			Revision  uint64
			Members   int64
			SealedAt  int64
			Reason    string
			RunID     string
			Kept      bool
			ExpiresAt int64
		}
	}
	if err := c.read(context.Background(), c.at("/points?limit=1000"), &page); err != nil {
		return err
	}
	t := newTable("POINT", " MEMBERS", " REVISION", "UNTIL", "ENDED BY", "RUN", "KEPT UNTIL")
	for _, p := range page.Items {
		if p.Current {
			t.row("(now)", grouped(p.Members), fmt.Sprint(p.Revision), "", "", "", "")
			continue
		}
		until := moment(p.ExpiresAt)
		if p.Kept {
			until = "let go of"
		}
		t.row(p.ID, grouped(p.Members), fmt.Sprint(p.Revision), moment(p.SealedAt), p.Reason, p.RunID, until)
	}
	return t.print()
}

// rollbackCommand makes a point the membership again.
type rollbackCommand struct {
	remoteSegment `embed:""`
	Point         string `arg:"" help:"The point to go back to; muster points lists them."`
	DryRun        bool   `help:"Only say what would change."`
	Comment       string `help:"Why, for the audit log."`
}

// print says what a command would do that was asked for a dry run; who stays is called differently.
func (d *diff) print(stay count) error {
	var b strings.Builder
	b.WriteString("dry run: nothing was changed\n")
	writeCounts(&b, count{d.Added, "would be added"}, count{d.Removed, "would be removed"}, stay)
	d.writeSamples(&b)
	_, err := io.WriteString(os.Stdout, b.String())
	return err
}

// Run goes back to the point.
func (c *rollbackCommand) Run() error {
	ctx := context.Background()
	at := c.at("/points/" + url.PathEscape(c.Point))
	if c.DryRun {
		var d diff
		if err := c.read(ctx, at+"/diff", &d); err != nil {
			return err
		}
		return d.print(count{d.Unchanged, "unchanged"})
	}
	var done struct {
		RunID          string
		Revision       uint64
		Added, Removed int64
	}
	if err := c.post(ctx, at+"/publish", c.Comment, &done); err != nil {
		return err
	}
	_, err := fmt.Printf("%s added, %s removed; visible at revision %d (run %s)\n", grouped(done.Added), grouped(done.Removed), done.Revision, done.RunID)
	return err
}

// undoCommand takes back what one run changed.
type undoCommand struct {
	remoteSegment `embed:""`
	ID            string `arg:"" name:"run" help:"The run to undo; muster runs lists them."`
	DryRun        bool   `help:"Only say what would change."`
	Comment       string `help:"Why, for the audit log."`
}

// Run undoes the run.
func (c *undoCommand) Run() error {
	ctx := context.Background()
	at := c.at("/runs/" + url.PathEscape(c.ID) + "/undo")
	if c.DryRun {
		var would struct {
			diff
			ChangedSince int64
		}
		if err := c.read(ctx, at, &would); err != nil {
			return err
		}
		return would.print(count{would.ChangedSince, "changed again since, and would stay"})
	}
	var done struct {
		ID                        string `json:"_id"`
		Revision                  uint64
		Added, Removed, Unchanged int64
	}
	if err := c.post(ctx, at, c.Comment, &done); err != nil {
		return err
	}
	_, err := fmt.Printf("%s added, %s removed, %s changed again since and left alone; visible at revision %d (run %s)\n",
		grouped(done.Added), grouped(done.Removed), grouped(done.Unchanged), done.Revision, done.ID)
	return err
}
