package history

import (
	"muster/internal/fault"
	"muster/internal/segment"
)

// Limits are those of what is told, of points and of exports.
func Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxTimelineItems", Value: MaxTimeline},
		{Name: "maxKeptPoints", Value: segment.MaxKeptPoints},
		{Name: "keptExports", Value: KeptExports},
		{Name: "maxExportsWaiting", Value: maxExports},
	}
}
