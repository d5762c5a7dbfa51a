package policy

import "muster/internal/fault"

// Limits are those of one policy.
func Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxPolicyStatements", Value: MaxStatements},
		{Name: "maxPolicyListEntries", Value: MaxEntries},
		{Name: "maxPolicyEntryBytes", Value: MaxEntryBytes},
	}
}
