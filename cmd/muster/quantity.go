package main

import (
	"fmt"
	"strconv"
	"strings"

	"muster/internal/catalog"
)

// reserve is how much of a disk stays free: the larger of a number of bytes and a share.
type reserve struct {
	bytes   byteSize
	percent float64
}

// UnmarshalText reads a size, a percentage, or both with a comma between; 0 keeps nothing free.
func (r *reserve) UnmarshalText(text []byte) error {
	*r = reserve{}
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		if part == "0" {
			continue
		}
		number, isPercent := strings.CutSuffix(part, "%")
		if !isPercent {
			if err := r.bytes.UnmarshalText([]byte(part)); err != nil {
				return fmt.Errorf("%q is no disk reserve; write it like 2GiB, 3%% or 2GiB,3%%", text)
			}
			continue
		}
		var err error
		if r.percent, err = strconv.ParseFloat(number, 64); err != nil || !(r.percent >= 0 && r.percent < 100) {
			return fmt.Errorf("%q is no disk reserve; write it like 2GiB, 3%% or 2GiB,3%%", text)
		}
	}
	return nil
}

// of returns the reserve of a disk, in bytes.
func (r reserve) of(size uint64) uint64 {
	return max(uint64(r.bytes), uint64(float64(size)*r.percent/100))
}

// listThreshold is how many targets a segment may list, 0 for as many as LaunchDarkly takes.
type listThreshold int

// UnmarshalText reads a number of targets.
func (l *listThreshold) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if most := catalog.MaxTargets / 2; err != nil || n < 0 || n > most {
		return fmt.Errorf("%q is not a number of targets; it may be 0 to %d", text, most)
	}
	*l = listThreshold(n)
	return nil
}

// limit returns the limit of lists where server-side SDKs can read the members of big segments, or
// where they can't.
func (l listThreshold) limit(readable bool) catalog.ListLimit {
	if l == 0 {
		return catalog.ListLimit{Targets: catalog.DefaultListLimit.Targets}
	}
	return catalog.ListLimit{Targets: int(l), Move: readable}
}

// byteSize is a number of bytes, written like 256MiB.
type byteSize int64

// UnmarshalText reads a plain number of bytes or one with KiB, MiB or GiB behind it.
func (b *byteSize) UnmarshalText(text []byte) error {
	s := string(text)
	shift := 0
	for unit, bits := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			s, shift = strings.TrimSpace(number), bits
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<40>>shift {
		return fmt.Errorf("%q is not a size; write it like 256MiB", text)
	}
	*b = byteSize(n << shift)
	return nil
}
