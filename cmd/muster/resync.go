package main

import (
	"context"
	"fmt"
	"net/url"
)

// resyncCommand makes those who keep the members of an environment elsewhere take everything once more.
type resyncCommand struct {
	remoteEnvironment `embed:""`
	Comment           string `help:"Why, for the audit log."`
}

// Run asks for it.
func (c *resyncCommand) Run() error {
	var asked struct {
		Revision                    uint64
		Relays, Sinks, SinksWaiting int
	}
	at := c.address("/api/v2/projects/" + url.PathEscape(c.Project) + "/environments/" + url.PathEscape(c.Environment) + "/resync")
	if err := c.post(context.Background(), at, c.Comment, &asked); err != nil {
		return err
	}
	_, err := fmt.Printf("relays and stores of %s/%s take all members once more, behind revision %d; relays connected now: %d; stores: %d. Relays begin within about ten seconds\n",
		c.Project, c.Environment, asked.Revision, asked.Relays, asked.Sinks)
	if asked.SinksWaiting > 0 && err == nil {
		_, err = fmt.Printf("stores that are off or paused, which do so when they come back: %d\n", asked.SinksWaiting)
	}
	return err
}
