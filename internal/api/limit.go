package api

import (
	"net/http"
	"slices"

	"muster/internal/catalog"
	"muster/internal/history"
	"muster/internal/ingest"
	"muster/internal/policy"
	"muster/internal/segment"
)

// Limit is a bound on what clients may send or get.
type Limit struct {
	Name    string
	Value   int64
	Setting string // the flag that changes it, if there is one
}

type limitJSON struct {
	Name    string `json:"name"`
	Value   int64  `json:"value"`
	Setting string `json:"setting,omitzero" doc:"The setting of the server that changes it"`
}

// ownLimits returns the limits of this room and of those behind it. Each value is the one that is
// enforced; those of other rooms come with [New].
func (s *server) ownLimits() []Limit {
	own := []Limit{
		{Name: "maxMemberKeyBytes", Value: segment.MaxKeyBytes},
		{Name: "maxContextKeysPerCall", Value: ingest.MaxEditKeys},
		{Name: "maxInstructionTargets", Value: catalog.MaxInstructionTargets},
		{Name: "maxTargetsInDefinition", Value: catalog.MaxTargets},
		{Name: "maxContextsBodyBytes", Value: maxContextsBytes},
		{Name: "maxBodyBytes", Value: maxBodyBytes},
		{Name: "maxSdkDataBytes", Value: maxSDKDataBytes},
		{Name: "maxImportBytes", Value: s.maxImport, Setting: "--max-import"},
		{Name: "maxPatchOperations", Value: maxPatchOps},
		{Name: "maxInstructions", Value: maxInstructions},
		{Name: "maxJsonDepth", Value: maxDepth},
		{Name: "maxFilterBytes", Value: maxFilterBytes},
		{Name: "maxPageItems", Value: maxPage},
		{Name: "maxAuditPageItems", Value: maxAuditLimit},
		{Name: "maxMemberPageItems", Value: maxMemberLimit},
		{Name: "maxIdempotencyKeyBytes", Value: segment.MaxMessageIDBytes},
		{Name: "maxSkippedSamples", Value: segment.MaxSkipSamples},
		{Name: "maxDiffSamples", Value: segment.MaxDiffSamples},
		{Name: "maxTimelineItems", Value: history.MaxTimeline},
		{Name: "keptExports", Value: history.KeptExports},
		{Name: "maxKeyLength", Value: catalog.MaxKeyLength},
		{Name: "maxNameLength", Value: catalog.MaxNameLength},
		{Name: "maxDescriptionLength", Value: catalog.MaxDescriptionLength},
		{Name: "maxTagLength", Value: catalog.MaxTagLength},
		{Name: "maxTags", Value: catalog.MaxTags},
		{Name: "maxWebhooks", Value: catalog.MaxWebhooks},
		{Name: "maxWebhookUrlBytes", Value: catalog.MaxURLLength},
		{Name: "keptWebhookDeliveries", Value: catalog.MaxDeliveries},
		{Name: "maxPolicyStatements", Value: policy.MaxStatements},
		{Name: "maxPolicyListEntries", Value: policy.MaxEntries},
		{Name: "maxPolicyEntryBytes", Value: policy.MaxEntryBytes},
	}
	if n := s.rates.limits.All; n > 0 {
		own = append(own, Limit{Name: "maxRequestsPerWindow", Value: int64(n), Setting: "--rate-limit"})
	}
	if n := s.rates.limits.Route; n > 0 {
		own = append(own, Limit{Name: "maxRequestsPerWindowOfOneRoute", Value: int64(n), Setting: "--route-rate-limit"})
	}
	return own
}

func (s *server) getLimits(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	limits := each(slices.Concat(s.ownLimits(), s.limits), func(l Limit) limitJSON { return limitJSON(l) })
	return writeJSON(w, http.StatusOK, collection[limitJSON]{
		Items: limits, TotalCount: len(limits), Links: links{"self": apiLink("/limits")},
	})
}
