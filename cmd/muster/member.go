package main

import (
	"context"
	"fmt"
	"net/url"
)

// memberCommand says whether a context is in a segment, and why.
type memberCommand struct {
	remoteSegment `embed:""`
	Key           string `arg:"" help:"Key of the context."`
}

// Run prints the timeline of the context, newest first.
func (c *memberCommand) Run() error {
	var t struct {
		Included bool
		Items    []struct {
			At       int64
			Revision uint64
			Change   string
			RunID    string
			Tool     string
			Kind     string
		}
		CompleteSince int64
		Near          []string
	}
	if err := c.read(context.Background(), c.at("/members/"+url.PathEscape(c.Key)+"/timeline"), &t); err != nil {
		return err
	}
	state := "is not a member"
	if t.Included {
		state = "is a member"
	}
	fmt.Printf("%s %s of %s\n", shown(c.Key), state, c.Segment)
	for _, key := range t.Near {
		fmt.Printf("  there is %s, though\n", shown(key))
	}
	if len(t.Items) == 0 {
		fmt.Printf("nothing happened to it since %s, as far back as is known\n", moment(t.CompleteSince))
		return nil
	}
	table := newTable("AT", "CHANGE", " REVISION", "RUN", "BY")
	for _, i := range t.Items {
		by := i.Kind
		if i.Tool != "" {
			by += " of " + i.Tool
		}
		table.row(moment(i.At), i.Change, fmt.Sprint(i.Revision), i.RunID, by)
	}
	if err := table.print(); err != nil {
		return err
	}
	_, err := fmt.Println("more of a run: " + c.command("runs", "RUN"))
	return err
}
