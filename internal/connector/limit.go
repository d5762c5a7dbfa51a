package connector

import (
	"muster/internal/fault"
	"muster/internal/segment"
)

// Limits are those of one request of a tool.
func Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxCohortIdBytes", Value: MaxCohortIDBytes},
		{Name: "maxCohortsPerCall", Value: MaxCohorts},
		{Name: "maxPagesOfAList", Value: segment.MaxPages},
		{Name: "maxEnvironmentIdBytes", Value: maxEnvironmentBytes},
		{Name: "maxContextKindBytes", Value: maxKindBytes},
		{Name: "maxPayloadDepth", Value: maxDepth},
		{Name: "maxPayloadValueBytes", Value: maxValueBytes},
	}
}
