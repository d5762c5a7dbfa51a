package admin

import "muster/internal/fault"

// Limits are those of how many objects there may be.
func Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxEnvironments", Value: maxEnvironments},
		{Name: "maxContextKinds", Value: maxContextKinds},
		{Name: "maxRoles", Value: maxRoles},
		{Name: "maxAccountMembers", Value: maxAccountMembers},
		{Name: "maxRelayConfigs", Value: maxRelayConfigs},
		{Name: "maxPersistentStores", Value: maxSinks},
		{Name: "maxStorePasswordBytes", Value: maxPasswordBytes},
		{Name: "maxNewMembersPerCall", Value: MaxNewMembers},
	}
}
