package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"muster/internal/migrate"
)

// importCommands are the ways to bring something in. A list of keys is meant where none is named.
type importCommands struct {
	Segment      importCommand  `cmd:"" default:"withargs" help:"Upload a list of context keys into a segment of a running muster (also without the word segment)."`
	LaunchDarkly migrateCommand `cmd:"" name:"launchdarkly" help:"Carry projects, flags, segments and custom roles over from LaunchDarkly, or from another muster."`
}

// migrateCommand carries over what another account holds.
type migrateCommand struct {
	remote      `embed:""`
	From        string   `help:"Address of the REST API to read from." default:"https://app.launchdarkly.com"`
	FromSDK     string   `name:"from-sdk" help:"Address where SDKs of it poll; that of --from with sdk in the place of app if not given." placeholder:"URL"`
	FromToken   string   `help:"Access token of the account to read from; better given as MUSTER_FROM_TOKEN. A reader's that may also viewSdkKey is enough." required:""`
	Project     []string `help:"Key of a project to carry over, several with commas; all if not given."`
	Environment []string `help:"Key of an environment to carry over, several with commas; all if not given."`
	Roles       bool     `help:"Carry custom roles over too." default:"true" negatable:""`
	KeepKeys    bool     `help:"Give new environments the SDK key, mobile key and client-side ID that they have there."`
	Overwrite   bool     `help:"Change what is here already and differs."`
	DryRun      bool     `help:"Only say what would be made, changed and left alone."`
}

// Help says how the command ends.
func (migrateCommand) Help() string {
	return "It can be run again at any time: what is here already is left alone, nothing is deleted. It ends with 0 when muster holds everything, " +
		"with 5 when something differs or could not be carried over, with 130 when it is interrupted, and with 1 when it could not go on."
}

// Run carries everything over and says what became of it.
func (c *migrateCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := migrate.Run(ctx, migrate.Options{
		From: c.From, FromSDK: c.FromSDK, FromToken: c.FromToken, To: c.URL, Token: c.Token, Agent: "muster/" + version(),
		Projects: c.Project, Environments: c.Environment, Roles: c.Roles, KeepKeys: c.KeepKeys, Overwrite: c.Overwrite, DryRun: c.DryRun,
		Out: os.Stdout, Wait: func(why string) { fmt.Fprintln(os.Stderr, "muster:", why) },
	})
	if printed := report.Print(os.Stdout); printed != nil {
		return errors.Join(err, printed)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return &ended{interruptedCode, "interrupted; what is made is whole, and the same command goes on from here"}
	case err != nil:
		return fmt.Errorf("%w; the same command goes on from here", err)
	case !report.Complete():
		return &ended{incompleteCode, "not everything could be carried over; the lines with differs and failed say what, and why"}
	}
	return nil
}
