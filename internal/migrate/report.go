package migrate

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
)

// kind is a kind of object that is carried over.
type kind int

const (
	projects kind = iota
	environments
	contextKinds
	segments
	segmentDefinitions
	flags
	flagConfigurations
	ruleDescriptions
	customRoles
	kinds
)

var names = [kinds][2]string{
	projects:           {"project", "projects"},
	environments:       {"environment", "environments"},
	contextKinds:       {"context kind", "context kinds"},
	segments:           {"segment", "segments"},
	segmentDefinitions: {"segment definition", "segment definitions"},
	flags:              {"flag", "flags"},
	flagConfigurations: {"flag configuration", "flag configurations"},
	ruleDescriptions:   {"description of rules of", "descriptions of rules"},
	customRoles:        {"custom role", "custom roles"},
}

// tally counts what became of the objects of a kind.
type tally struct{ made, changed, same, differ, failed int }

// Report is what a migration did, or would do, by kinds of objects.
type Report struct {
	out     io.Writer
	dry     bool
	tallies [kinds]tally
	counted [kinds]int // not told yet
	notes   []string
}

// Complete reports whether muster holds everything that the source holds, as far as it is carried
// over at all.
func (r *Report) Complete() bool {
	return !slices.ContainsFunc(r.tallies[:], func(t tally) bool { return t.differ+t.failed > 0 })
}

// made tells that an object is new.
func (r *Report) made(k kind, name string) {
	r.tallies[k].made++
	r.line(r.done("make", "made"), k, name, "")
}

// count notes a new object of a kind with too many objects to name them; tell says how many there were.
func (r *Report) count(k kind) { r.counted[k]++ }

// tell says what was counted in an environment.
func (r *Report) tell(where string) {
	for k, n := range r.counted {
		if n == 0 {
			continue
		}
		r.tallies[k].made += n
		// Nobody misses what he does not read, see line.
		_, _ = fmt.Fprintf(r.out, "%-8s %s in %s: %d\n", r.done("make", "made"), names[k][1], printable(where), n)
	}
	r.counted = [kinds]int{}
}

func (r *Report) changed(k kind, name string, what []string) {
	r.tallies[k].changed++
	r.line(r.done("change", "changed"), k, name, strings.Join(what, ", "))
}

func (r *Report) same(k kind) { r.tallies[k].same++ }

func (r *Report) differs(k kind, name string, what []string) {
	r.tallies[k].differ++
	const remedy = " (--overwrite takes the source's)"
	if len(what) == 0 {
		r.line("differs", k, name+remedy, "")
		return
	}
	r.line("differs", k, name, strings.Join(what, ", ")+remedy)
}

func (r *Report) failed(k kind, name string, err error) {
	r.tallies[k].failed++
	r.line("failed", k, name, err.Error())
}

func (r *Report) done(will, did string) string {
	if r.dry {
		return will
	}
	return did
}

func (r *Report) line(verb string, k kind, name, why string) {
	if why != "" {
		why = ": " + why
	}
	// Whoever does not read them any more misses nothing: the objects are carried over all the same.
	_, _ = fmt.Fprintf(r.out, "%-8s %s %s\n", verb, names[k][0], printable(name+why))
}

// printable takes out of a foreign text what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// note keeps a sentence for the end.
func (r *Report) note(format string, args ...any) {
	r.notes = append(r.notes, printable(fmt.Sprintf(format, args...)))
}

// Print writes the tallies and what else has to be known; nothing if nothing was looked at.
func (r *Report) Print(out io.Writer) error {
	if r.tallies == ([kinds]tally{}) {
		return nil
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := "made\tchanged"
	if r.dry {
		head = "would make\twould change"
	}
	lines := []string{"\t" + head + "\tsame\tdiffer\tfailed\t\n"}
	for k, n := range r.tallies {
		if n != (tally{}) {
			lines = append(lines, fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%d\t\n", names[k][1], n.made, n.changed, n.same, n.differ, n.failed))
		}
	}
	if _, err := io.WriteString(t, strings.Join(lines, "")); err != nil {
		return err
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, note := range r.notes {
		if _, err := fmt.Fprintln(out, note); err != nil {
			return err
		}
	}
	return nil
}
