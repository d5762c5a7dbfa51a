package catalog

import "muster/internal/fault"

// Limits are those of what people configure.
func Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxKeyLength", Value: MaxKeyLength},
		{Name: "maxNameLength", Value: MaxNameLength},
		{Name: "maxDescriptionLength", Value: MaxDescriptionLength},
		{Name: "maxTagLength", Value: MaxTagLength},
		{Name: "maxTags", Value: MaxTags},
		{Name: "maxDefaultTtlMinutes", Value: maxTTLMinutes},
		{Name: "maxEmailLength", Value: maxEmailLength},
		{Name: "maxSecretLength", Value: maxSecretLength},
		{Name: "minPasswordLength", Value: MinPasswordLength},
		{Name: "maxPasswordBytes", Value: maxPasswordBytes},
		{Name: "maxSessions", Value: MaxSignIns},
		{Name: "maxExpiringSdkKeys", Value: maxExpiringSDKKeys},
		{Name: "maxExpiringTokenSecrets", Value: maxExpiringSecrets},
		{Name: "maxCustomRolesHeld", Value: MaxRolesHeld},
		{Name: "maxVariations", Value: maxVariations},
		{Name: "maxCustomProperties", Value: maxCustomProperties},
		{Name: "maxCustomPropertyLength", Value: maxCustomPropertyName},
		{Name: "maxRules", Value: maxRules},
		{Name: "maxClauses", Value: maxClauses},
		{Name: "maxRolloutWeight", Value: maxWeight},
		{Name: "maxFlagTargets", Value: maxFlagTargets},
		{Name: "maxTargetsInDefinition", Value: MaxTargets},
		{Name: "maxInstructionTargets", Value: MaxInstructionTargets},
		{Name: "maxInstructionObjects", Value: maxInstructionObjects},
		{Name: "maxSourceGuards", Value: maxSourceGuards},
		{Name: "maxSources", Value: maxSources},
		{Name: "maxWebhooks", Value: MaxWebhooks},
		{Name: "maxWebhookUrlBytes", Value: MaxURLLength},
		{Name: "keptWebhookDeliveries", Value: MaxDeliveries},
		{Name: "maxRedisDatabase", Value: maxRedisDB},
		{Name: "maxStoreNodes", Value: maxNodes},
		{Name: "maxStoreCertificateBytes", Value: maxPEM},
		{Name: "maxStoreMembersPerSecond", Value: maxSinkRate},
		{Name: "maxPort", Value: maxPort},
		{Name: "maxSdkDataDepth", Value: maxSDKDepth},
		{Name: "maxPayloadFilters", Value: maxPayloadFilters},
		{Name: "maxPayloadFilterRules", Value: maxPayloadRules},
		{Name: "maxPayloadFilterRegexBytes", Value: maxPayloadRegex},
	}
}
