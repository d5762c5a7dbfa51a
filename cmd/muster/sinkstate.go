package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// sinkState is how a store is doing.
type sinkState struct {
	State          string
	Since          int64
	Message        string
	Complete       bool
	Revision       uint64
	LagRevisions   uint64
	LagSeconds     float64
	SynchronizedOn int64
	Written        int64
	Rate           float64 `json:"membersPerSecond"`
	Errors         []struct {
		Message   string
		Timestamp int64
	}
	Verification *sinkVerification
	Segments     []struct {
		Key        string
		Generation uint64
		Loaded     bool
		Revision   uint64
		Members    int64
	}
	TotalSegments int
}

func (st *sinkState) lag() string {
	if st.LagRevisions == 0 && st.LagSeconds == 0 {
		return "0"
	}
	return time.Duration(st.LagSeconds * float64(time.Second)).Round(100 * time.Millisecond).String()
}

// comparedSince reports whether a comparison is over that began after another state.
func (st *sinkState) comparedSince(before *sinkState) bool {
	v := st.Verification
	return v != nil && v.Ended > 0 && (before.Verification == nil || v.Began > before.Verification.Began)
}

// print prints all of how a store is doing.
func (st *sinkState) print(s *listedSink) error {
	var b strings.Builder
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", label, fmt.Sprintf(format, args...))
	}
	line("store", "%s, %s, %s", s.title(), s.Kind, s.ID)
	line("state", "%s", st.State)
	if st.Since > 0 {
		line("since", "%s", moment(st.Since))
	}
	line("says", "%s", st.Message)
	line("revision", "%d, %d behind", st.Revision, st.LagRevisions)
	line("lag", "%s", st.lag())
	if st.SynchronizedOn > 0 {
		line("SDKs read", "everything up to %s", moment(st.SynchronizedOn))
	}
	line("written", "%s changes since the server started, %.0f a second lately", grouped(st.Written), st.Rate)
	for _, e := range st.Errors {
		line("error", "%s: %s", moment(e.Timestamp), e.Message)
	}
	if st.Verification != nil {
		b.WriteString("\n")
		st.Verification.write(&b)
	}
	if _, err := io.WriteString(os.Stdout, b.String()); err != nil || len(st.Segments) == 0 {
		return err
	}
	fmt.Println()
	t := newTable("SEGMENT", " GENERATION", " MEMBERS", " REVISION")
	for _, one := range st.Segments {
		revision := "not whole"
		if one.Loaded {
			revision = fmt.Sprint(one.Revision)
		}
		t.row(one.Key, fmt.Sprint(one.Generation), grouped(one.Members), revision)
	}
	err := t.print()
	if more := st.TotalSegments - len(st.Segments); more > 0 && err == nil {
		_, err = fmt.Printf("and %s more\n", grouped(int64(more)))
	}
	return err
}

// sinkVerification is what came of comparing a store with the truth.
type sinkVerification struct {
	Full, Repair                     bool
	Began, Ended                     int64
	Checked, Missing, Extra, Foreign int64
	Samples                          []struct{ Ref, Hash, Set, What string }
	Error                            string
}

func (v *sinkVerification) differences() int64 { return v.Missing + v.Extra + v.Foreign }

// write says what came of it.
func (v *sinkVerification) write(b *strings.Builder) {
	what := "a sample"
	if v.Full {
		what = "everybody"
	}
	if v.Ended == 0 {
		fmt.Fprintf(b, "comparing %s with the truth since %s; %s contexts so far\n", what, moment(v.Began), grouped(v.Checked))
		return
	}
	fmt.Fprintf(b, "compared %s with the truth at %s: %s contexts\n", what, moment(v.Ended), grouped(v.Checked))
	if v.Error != "" {
		fmt.Fprintf(b, "it ended early: %s\n", v.Error)
	}
	if v.differences() == 0 {
		b.WriteString("no differences\n")
		return
	}
	writeCounts(b, count{v.Missing, "missing in the store"}, count{v.Extra, "in the store that should not be"}, count{v.Foreign, "texts that are no refs"})
	for _, d := range v.Samples {
		fmt.Fprintf(b, "  %s %s of %s (%s)\n", d.What, d.Ref, d.Hash, d.Set)
	}
	if v.Repair && v.Error == "" {
		b.WriteString("all of it was put right\n")
	}
}
