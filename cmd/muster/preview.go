package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// diff is what the server says that something would do to the members, or did.
type diff struct {
	Added, Removed, Unchanged int64
	Samples                   struct {
		Added, Removed []string
		Skipped        []skippedRow
	}
}

type skippedRow struct {
	Row    int64
	Reason string
}

// writeSamples writes some of the keys that a diff concerns, and some rows that could not be used.
func (d diff) writeSamples(b *strings.Builder) {
	samples(b, "added", "  + ", d.Added, each(d.Samples.Added, shown))
	samples(b, "removed", "  - ", d.Removed, each(d.Samples.Removed, shown))
}

func samples(b *strings.Builder, what, sign string, of int64, some []string) {
	if len(some) == 0 {
		return
	}
	if of > int64(len(some)) {
		what += ", for example"
	}
	b.WriteString(what + ":\n")
	for _, one := range some {
		b.WriteString(sign + one + "\n")
	}
}

func each[T any](all []T, f func(T) string) []string {
	var out []string
	for _, one := range all {
		out = append(out, f(one))
	}
	return out
}

func (s skippedRow) String() string { return fmt.Sprintf("row %d: %s", s.Row, s.Reason) }

// shown writes a key for a terminal: in quotes if one could not see what it is.
func shown(key string) string {
	odd := key == "" || !utf8.ValidString(key) || strings.TrimSpace(key) != key || key[0] == '"' ||
		strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) })
	if odd {
		return strconv.Quote(key)
	}
	return key
}

// count is one line of a column of numbers.
type count struct {
	n    int64
	what string
}

func writeCounts(b *strings.Builder, counts ...count) {
	width := 0
	for _, c := range counts {
		width = max(width, len(grouped(c.n)))
	}
	for _, c := range counts {
		fmt.Fprintf(b, "  %*s %s\n", width, grouped(c.n), c.what)
	}
}

// printPreview prints what a dry run of an import says.
func printPreview(out io.Writer, body io.Reader) error {
	var p struct {
		diff
		Received, Skipped int64
		WouldHold         bool
	}
	if err := json.NewDecoder(body).Decode(&p); err != nil {
		return fmt.Errorf("read the preview: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "dry run: nothing was changed; of %s rows\n", grouped(p.Received))
	writeCounts(&b, count{p.Added, "would be added"}, count{p.Removed, "would be removed"}, count{p.Unchanged, "unchanged"}, count{p.Skipped, "skipped"})
	p.writeSamples(&b)
	samples(&b, "skipped", "  ? ", p.Skipped, each(p.Samples.Skipped, skippedRow.String))
	if p.WouldHold {
		b.WriteString("the guard would hold it until somebody releases it\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
