package catalog

import (
	"time"

	"muster/internal/fault"
)

// maxSources is of how many sources an environment may keep something.
const maxSources = 1000

// SourceDetails is what people say of a source: of a tool that syncs into an environment.
type SourceDetails struct {
	Name string // "" is the tool's
	// DisconnectedAt is since when the tool's calls are refused; zero: they are not.
	DisconnectedAt time.Time
}

// checkSources returns a sentence about the first source of an environment that can't be as it is.
func (e *Environment) checkSources() error {
	if len(e.Sources) > maxSources {
		return fault.Invalidf("an environment keeps details of %d sources at most", maxSources)
	}
	for key, d := range e.Sources {
		if !ValidKey(key) {
			return fault.Invalidf("%q can't be the integration key of a source", clip(key))
		}
		if err := checkText("name", d.Name, MaxNameLength); err != nil {
			return err
		}
	}
	return nil
}
