package api

import (
	"net/http"
	"slices"
	"time"

	"muster/internal/activity"
	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/fault"
	"muster/internal/history"
	"muster/internal/ingest"
	"muster/internal/policy"
	"muster/internal/segment"
)

type limitJSON struct {
	Name    string `json:"name"`
	Value   int64  `json:"value"`
	Setting string `json:"setting,omitzero" doc:"The setting of the server that changes it"`
}

// ownLimits are those of this room. Each value is the one that is enforced.
func (s *server) ownLimits() []fault.Limit {
	own := []fault.Limit{
		{Name: "maxBodyBytes", Value: maxBodyBytes},
		{Name: "maxContextsBodyBytes", Value: maxContextsBytes},
		{Name: "maxSdkDataBytes", Value: maxSDKDataBytes},
		{Name: "maxJsonDepth", Value: maxDepth},
		{Name: "maxImportBytes", Value: s.maxImport, Setting: "--max-import"},
		{Name: "maxFormFileBeforeFieldsBytes", Value: maxAside},
		{Name: "maxPatchOperations", Value: maxPatchOps},
		{Name: "maxPatchPathParts", Value: maxPointer},
		{Name: "maxPatchCopies", Value: maxCopiedNodes},
		{Name: "maxPatchShifts", Value: maxShifted},
		{Name: "maxInstructions", Value: maxInstructions},
		{Name: "maxFilterBytes", Value: maxFilterBytes},
		{Name: "maxFilterDepth", Value: maxConditionDepth},
		{Name: "maxFilterConditions", Value: maxConditions},
		{Name: "maxContextsOfAFilter", Value: maxNamedContexts},
		{Name: "maxSearchBytes", Value: maxSearchBytes},
		{Name: "maxPulsesOfAPage", Value: maxExpanded},
		{Name: "maxPageItems", Value: maxPage},
		{Name: "maxAuditPageItems", Value: maxAuditLimit},
		{Name: "maxMemberPageItems", Value: maxMemberLimit},
		{Name: "maxContextPageItems", Value: maxContextLimit},
		{Name: "maxDifferencesAtOnce", Value: maxDifferences},
	}
	if n := s.rates.limits.All; n > 0 {
		own = append(own, fault.Limit{Name: "maxRequestsPerWindow", Value: int64(n), Setting: "--rate-limit"})
	}
	if n := s.rates.limits.Route; n > 0 {
		own = append(own, fault.Limit{Name: "maxRequestsPerWindowOfOneRoute", Value: int64(n), Setting: "--route-rate-limit"})
	}
	return own
}

// membershipLimits are those of members and of runs.
func membershipLimits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxMemberKeyBytes", Value: segment.MaxKeyBytes},
		{Name: "maxContextKeysPerCall", Value: ingest.MaxEditKeys},
		{Name: "maxIdempotencyKeyBytes", Value: segment.MaxMessageIDBytes},
		{Name: "maxHoldAgainSeconds", Value: int64(ingest.DiscardedFor / time.Second)},
		{Name: "maxSkippedSamples", Value: segment.MaxSkipSamples},
		{Name: "maxDiffSamples", Value: segment.MaxDiffSamples},
	}
}

func (s *server) getLimits(w http.ResponseWriter, _ *http.Request, _ catalog.Caller) error {
	all := slices.Concat(s.ownLimits(), membershipLimits(), segment.GuardLimits(), catalog.Limits(), admin.Limits(), policy.Limits(),
		history.Limits(), activity.Limits(), delivery.Limits(), s.limits)
	limits := each(all, func(l fault.Limit) limitJSON { return limitJSON(l) })
	return writeJSON(w, http.StatusOK, collection[limitJSON]{
		Items: limits, TotalCount: len(limits), Links: links{"self": apiLink("/limits")},
	})
}
