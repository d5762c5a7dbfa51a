package main

import (
	"context"
	"fmt"
	"strings"
)

// moveCommand moves a segment to its next generation.
type moveCommand struct {
	remoteSegment `embed:""`
	Comment       string `help:"Why, for the audit log."`
	NoWait        bool   `help:"Don't wait for the end of the move; it goes on by itself."`
}

// generationMove is a move as the server tells of it.
type generationMove struct {
	From, To          uint64
	State             string
	WaitsFor, LeftOut []string
}

// Run begins the move and waits for its end.
func (c *moveCommand) Run() error {
	ctx := context.Background()
	var begun generationMove
	if err := c.post(ctx, c.at("/generation-moves"), c.Comment, &begun); err != nil {
		return err
	}
	fmt.Printf("%s moves from generation %d to %d; SDKs miss nobody meanwhile\n", c.Segment, begun.From, begun.To)
	if c.NoWait {
		return nil
	}
	var said string
	var seg struct {
		Muster struct{ GenerationMove *generationMove } `json:"_muster"`
	}
	err := c.poll(ctx, c.at(""), &seg, func() bool {
		now := seg.Muster.GenerationMove
		seg.Muster.GenerationMove = nil
		if now == nil || now.To != begun.To {
			return true
		}
		if text := now.String(); text != said {
			said = text
			fmt.Println(text)
		}
		return false
	})
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s is of generation %d\n", c.Segment, begun.To)
	return err
}

// String says what a move is at.
func (m *generationMove) String() string {
	switch m.State {
	case "filling":
		if len(m.WaitsFor) == 0 {
			return "all members are told under the next generation"
		}
		return "not all members yet have: " + strings.Join(m.WaitsFor, ", ")
	case "waiting":
		text := "everybody has them; SDKs are told when none can hold older memberships"
		if len(m.LeftOut) > 0 {
			text += ". Not waited for: " + strings.Join(m.LeftOut, ", ")
		}
		return text
	default:
		return "SDKs ask for the next generation; the one before goes soon"
	}
}
