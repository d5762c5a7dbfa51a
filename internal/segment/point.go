package segment

import "time"

// PointID identifies a point: 24 hexadecimal digits that sort by time.
type PointID string

// Point is one retained membership of a segment, which can be published again. It belongs to the
// segment's key, so it stays when the segment is deleted.
type Point struct {
	ID       PointID
	Ref      Ref      // that it was the membership of
	Revision Revision // the last one at which it was the membership
	Counts   Counts
	SealedAt time.Time // when it stopped being the membership
	Reason   PointReason
	Run      RunID // that replaced it
	// Kept says that somebody wants it to stay: neither its age nor newer points end it, until the segment
	// is deleted.
	Kept bool
	// ExpiresAt is when it is dropped at the latest; newer points may push it out before. It is zero for
	// a point that is kept.
	ExpiresAt time.Time
}

// MaxKeptPoints bounds how many points of a segment are kept: each needs as much room as the members.
const MaxKeptPoints = 10

// PointReason says what replaced the membership that a point retains.
type PointReason string

// The reasons.
const (
	PointReplace  PointReason = "replace"
	PointRollback PointReason = "rollback"
	PointRelease  PointReason = "release"
	PointDelete   PointReason = "delete"
)

// Diff is how one whole membership differs from another, counted in contexts.
type Diff struct {
	Added     int
	Removed   int
	Unchanged int
	// Samples of the context keys, at most [MaxDiffSamples] each. Keys that are not known are left out.
	AddedKeys   []string
	RemovedKeys []string
}

// MaxDiffSamples bounds each list of samples of a [Diff].
const MaxDiffSamples = 20
