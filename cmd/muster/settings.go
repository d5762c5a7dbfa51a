package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// defaultFile is read from the working directory if it is there and --config names no other.
const defaultFile = "muster.yaml"

// configFlag names a settings file. The file is read before the other flags are resolved; the
// environment stands behind it again, because the last resolver that answers wins.
type configFlag string

// BeforeResolve reads the file.
func (configFlag) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(trace.Flag).(configFlag)
	file, err := k.LoadConfig(string(path))
	if err != nil {
		return fmt.Errorf("read settings from %s: %w", path, err)
	}
	ctx.AddResolver(file)
	ctx.AddResolver(environment(os.LookupEnv))
	return nil
}

// file answers each flag from a key of the same name.
type file map[string]any

// readFile reads a settings file: one mapping of flag names to values.
func readFile(r io.Reader) (kong.Resolver, error) {
	f := file{}
	if err := yaml.NewDecoder(r).Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return f, nil
}

// Validate refuses keys that are no setting, so that a typing error doesn't go unnoticed.
func (f file) Validate(app *kong.Application) error {
	known := map[string]bool{}
	var learn func(*kong.Node)
	learn = func(command *kong.Node) {
		for _, flag := range command.Flags {
			known[flag.Name] = true
		}
		for _, below := range command.Children {
			learn(below)
		}
	}
	learn(app.Node)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !known[name] {
			return fmt.Errorf("the settings file has %q, which is no setting; muster serve --help lists them", name)
		}
	}
	return nil
}

// Resolve returns the value of a flag, nil if the file has none.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	return f[flag.Name], nil
}

// environment answers each flag from its MUSTER_ variable: --data-dir from MUSTER_DATA_DIR. It is a
// resolver because kong lets a file win over its own environment tags, and here the order is flag,
// variable, file.
func environment(lookup func(string) (string, bool)) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		name := "MUSTER_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if value, ok := lookup(name); ok {
			return value, nil
		}
		return nil, nil //nolint:nilnil // kong's way to say "not known here"
	})
}
