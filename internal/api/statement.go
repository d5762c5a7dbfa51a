package api

import "muster/internal/policy"

// statementJSON is one statement of a policy. Only the lists that were given are shown: Terraform's
// provider compares them.
type statementJSON struct {
	Effect       string   `json:"effect" enum:"allow,deny"`
	Resources    []string `json:"resources,omitempty"`
	NotResources []string `json:"notResources,omitempty"`
	Actions      []string `json:"actions,omitempty"`
	NotActions   []string `json:"notActions,omitempty"`
}

func statementOf(s policy.Statement) statementJSON {
	return statementJSON{
		Effect: string(s.Effect), Resources: s.Resources, NotResources: s.NotResources, Actions: s.Actions, NotActions: s.NotActions,
	}
}

func (j statementJSON) statement() policy.Statement {
	return policy.Statement{
		Effect: policy.Effect(j.Effect), Resources: j.Resources, NotResources: j.NotResources, Actions: j.Actions, NotActions: j.NotActions,
	}
}
