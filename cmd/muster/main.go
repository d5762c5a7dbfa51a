// Command muster keeps segments synced from external tools and makes feature flags follow them.
//
// It is one process: `muster serve` opens the embedded store and serves the management API, the
// endpoints that tools push to, the SDK endpoints, the RESP endpoint and the user interface. This
// package only reads the configuration and wires the rooms; it decides nothing about segments.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	_ "time/tzdata" // a container may have none, and days of usage are those of a time zone

	"github.com/alecthomas/kong"

	"muster/internal/api"
)

// commands is everything that muster can be told on the command line.
type commands struct {
	Config configFlag `help:"Read settings from this YAML file (default: muster.yaml in the working directory, if there)." placeholder:"FILE"`

	Serve    serveCommand    `cmd:"" help:"Serve everything from an embedded store."`
	Dev      devCommand      `cmd:"" help:"Serve everything from memory, for tests and work on one machine."`
	Import   importCommands  `cmd:"" help:"Upload a list of context keys into a segment, or carry an account of LaunchDarkly over."`
	Export   exportCommand   `cmd:"" help:"Download the members of a segment of a running muster."`
	Runs     runsCommand     `cmd:"" help:"List the syncs and imports of a segment, or explain one."`
	Release  releaseCommand  `cmd:"" help:"Let a run pass that the guard holds."`
	Discard  discardCommand  `cmd:"" help:"Drop a run that the guard holds."`
	Hold     holdCommand     `cmd:"" help:"Hold a run again that was discarded within the last ten minutes."`
	Points   pointsCommand   `cmd:"" help:"List what the members of a segment were."`
	Rollback rollbackCommand `cmd:"" help:"Make the members of a segment what they were."`
	Undo     undoCommand     `cmd:"" help:"Take back what one run changed."`
	Member   memberCommand   `cmd:"" help:"Say whether a context is in a segment, and why."`
	Token    tokenCommand    `cmd:"" help:"Make an administrator's token, for whoever has lost every one."`
	Resync   resyncCommand   `cmd:"" help:"Make relays and persistent stores take all members of an environment once more."`
	Move     moveCommand     `cmd:"" name:"move-generation" help:"Move a segment to its next generation, under which relays and stores take its members once more."`
	Sink     sinkCommands    `cmd:"" help:"Look after the persistent stores that a running muster keeps current."`
	Verify   verifyCommand   `cmd:"" help:"Read everything that is stored and say what is not as it should be."`
	OpenAPI  openAPICommand  `cmd:"" name:"openapi" help:"Print the OpenAPI document of the management API."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run() error {
	_, err := fmt.Println("muster " + version())
	return err
}

type openAPICommand struct{}

// Run prints the document.
func (openAPICommand) Run() error {
	doc, err := api.Document()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(doc, '\n'))
	return err
}

// version returns what the binary was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := strings.TrimPrefix(info.Main.Version, "v")
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	return v
}

func main() {
	os.Exit(run())
}

func run() int {
	var c commands
	parser, err := kong.New(&c,
		kong.Name("muster"),
		kong.Description("Synced segments for feature flags, speaking LaunchDarkly's protocols."),
		kong.UsageOnError(),
		kong.Configuration(readFile, defaultFile),
		kong.Resolvers(environment(os.LookupEnv)),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, "muster:", err)
		return 1
	}
	parsed, err := parser.Parse(os.Args[1:])
	if err != nil {
		parser.FatalIfErrorf(err)
	}
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "muster:", err)
		if own, ok := errors.AsType[*ended](err); ok {
			return own.code
		}
		return 1
	}
	return 0
}
