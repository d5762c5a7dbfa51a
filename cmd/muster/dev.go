package main

import (
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/seal"
)

// devCommand serves everything from memory, for tests and for work on one's own machine. What it
// holds is gone when it ends.
type devCommand struct {
	Seed       string `help:"JSON file with the projects, flags, segments and tokens that are there from the start." placeholder:"FILE"`
	RespListen string `help:"Address of the Redis-protocol endpoint for server-side SDKs." default:"127.0.0.1:6380"`
	settings   `embed:""`
}

// Run serves until the process is told to stop.
func (c *devCommand) Run() error {
	seed := new(seed)
	if c.Seed != "" {
		var err error
		if seed, err = readSeed(c.Seed); err != nil {
			return err
		}
	}
	spool, err := os.MkdirTemp("", "muster-dev-")
	if err != nil {
		return fmt.Errorf("make the spool folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(spool) }() // the system clears its temporary folder anyway
	s := &server{
		settings: &c.settings, disk: vfs.NewMem(), folder: "memory", spool: spool, respListen: c.RespListen, seed: seed,
		secretKeys: secretKeys{text: seal.NewKey()},
	}
	return s.run()
}
