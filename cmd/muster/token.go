package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/admin"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
)

// tokenCommand makes an administrator's token for whoever has lost every one.
type tokenCommand struct {
	DataDir string        `help:"Data folder of a muster that does not run." default:"./muster-data"`
	Name    string        `help:"Name of the token." default:"recovered"`
	Expires time.Duration `help:"How long it works; 0: until somebody deletes it." default:"24h"`
}

// Help says when the command works.
func (tokenCommand) Help() string {
	return "Stop muster first: the data folder belongs to one process. The token is the owner's, is printed once, and stands in the audit log."
}

// Validate refuses a token that never works.
func (c *tokenCommand) Validate() error {
	if c.Expires < 0 {
		return errors.New("--expires must be 0 or more")
	}
	return nil
}

// Run makes the token and prints it.
func (c *tokenCommand) Run() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if _, err := os.Stat(c.DataDir); err != nil {
		return err // to open it would make it
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := pebblestore.Open(c.DataDir, vfs.Default, log, nil)
	if err != nil {
		return fmt.Errorf("open the store in %s, which a muster that runs keeps to itself: %w", c.DataDir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	e, err := engine.Open(ctx, db, db, engine.Options{Logger: log})
	if err != nil {
		return fmt.Errorf("open the store in %s: %w", c.DataDir, err)
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	var expiry time.Time
	if c.Expires > 0 {
		expiry = time.Now().Add(c.Expires)
	}
	secret, err := admin.New(e, nil, time.Now).RecoverToken(ctx, c.Name, expiry)
	if err != nil {
		return err
	}
	fmt.Println(secret)
	return nil
}
