package admin

import "muster/internal/fault"

// Limits are those of how many objects there may be, and how many contexts must have left a segment before
// it moves to its next generation by itself.
func Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxEnvironments", Value: maxEnvironments},
		{Name: "maxContextKinds", Value: maxContextKinds},
		{Name: "maxRoles", Value: maxRoles},
		{Name: "maxAccountMembers", Value: maxAccountMembers},
		{Name: "maxRelayConfigs", Value: maxRelayConfigs},
		{Name: "maxPersistentStores", Value: maxSinks},
		{Name: "maxStorePasswordBytes", Value: maxSecretBytes},
		{Name: "maxNewMembersPerCall", Value: MaxNewMembers},
		{Name: "leastGravesOfAMove", Value: DefaultTurnGraves},
	}
}
