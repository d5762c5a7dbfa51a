package history

import "muster/internal/fault"

// Limits are those of what is told, and of exports.
func Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxTimelineItems", Value: MaxTimeline},
		{Name: "keptExports", Value: KeptExports},
		{Name: "maxExportsWaiting", Value: maxExports},
	}
}
