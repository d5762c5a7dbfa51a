package admin

import (
	"cmp"
	"context"
	"slices"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/store"
)

// NewWebhook is what a caller gives to create a webhook.
type NewWebhook struct {
	URL        string
	Name       string
	On         bool
	Secret     string // "": what is sent is not signed
	Statements []policy.Statement
	Tags       []string
}

func seesWebhook(who catalog.Caller, w *catalog.Webhook) bool {
	return who.Administers || who.Principal.Allows(policy.ViewWebhook, w.Resource())
}

// Webhooks returns the webhooks that the caller may view, oldest first.
func (a *Admin) Webhooks(_ context.Context, who catalog.Caller) ([]*catalog.Webhook, error) {
	var visible []*catalog.Webhook
	for _, w := range a.store.Webhooks() {
		if seesWebhook(who, w) {
			visible = append(visible, w)
		}
	}
	return visible, nil
}

// Webhook returns one webhook.
func (a *Admin) Webhook(_ context.Context, who catalog.Caller, id catalog.ID) (*catalog.Webhook, error) {
	w, ok := a.store.Webhook(id)
	if !ok || !seesWebhook(who, w) {
		return nil, noWebhook(id)
	}
	return w, nil
}

func noWebhook(id catalog.ID) error {
	return fault.NotFoundf("there is no webhook %.80q that this credential may view", id)
}

// allProjects is what somebody must be able to view who says where the audit log is sent.
var allProjects = policy.Role{
	Name: "webhook", Base: policy.NoAccess,
	Policy: []policy.Statement{{Effect: policy.Allow, Actions: []string{string(policy.ViewProject)}, Resources: []string{"proj/*"}}},
}

// checkDestination refuses to let a URL be told what the caller may not read.
func checkDestination(who catalog.Caller, w *catalog.Webhook) error {
	if w.Account && !who.Administers {
		return fault.Forbiddenf("an administrator made this webhook, which is told of what concerns no project too; an administrator can change its url")
	}
	if !who.Administers && !who.Principal.Covers(allProjects) {
		return fault.Forbiddenf("a webhook is told of every project, and this credential may not view all of them, or it can't be decided that it may; an administrator can do this")
	}
	return nil
}

func webhookDone(verb string, before, after *catalog.Webhook) done {
	w := cmp.Or(after, before)
	return done{
		kind: "webhook", name: cmp.Or(w.Name, string(w.ID)), verb: verb, on: w.Resource(), before: withoutSecret(before), after: withoutSecret(after),
	}
}

// MaskedSecret stands for the secret of a webhook where that is not shown.
const MaskedSecret = "********"

func withoutSecret(w *catalog.Webhook) *catalog.Webhook {
	if w == nil || w.Secret == "" {
		return w
	}
	c := *w
	c.Secret = MaskedSecret
	return &c
}

// CreateWebhook creates a webhook, which is told of what is written after it.
func (a *Admin) CreateWebhook(ctx context.Context, who catalog.Caller, n NewWebhook) (*catalog.Webhook, error) {
	now := a.now()
	w := &catalog.Webhook{
		ID: catalog.NewID(), URL: n.URL, Name: n.Name, On: n.On, Secret: n.Secret, Statements: n.Statements, Tags: n.Tags,
		Account: who.Administers, CreatedAt: now, ModifiedAt: now,
	}
	w.Normalize()
	unnamed := catalog.Webhook{Tags: w.Tags}
	es := effects{{policy.CreateWebhook, unnamed.Resource()}}
	if err := es.authorise(who); err != nil {
		return nil, err
	}
	if err := w.Validate(); err != nil {
		return nil, err
	}
	if err := checkDestination(who, w); err != nil {
		return nil, err
	}
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		if n := len(tx.Webhooks()); n >= catalog.MaxWebhooks {
			return fault.TooLargef("the account has %d webhooks; at most %d are allowed", n, catalog.MaxWebhooks)
		}
		made := w.Clone()
		made.Since = tx.AuditHead()
		tx.PutWebhook(made)
		w = made
		return a.audit(tx, who, es, webhookDone("created the webhook", nil, made))
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

func webhookEffects(before, after *catalog.Webhook) effects {
	var es effects
	was, is := before.Resource(), after.Resource()
	es.when(before.Name != after.Name, policy.UpdateName, was)
	es.when(before.URL != after.URL, policy.UpdateURL, was)
	es.when(before.Secret != after.Secret, policy.UpdateSecret, was)
	es.when(!slices.EqualFunc(before.Statements, after.Statements, policy.Statement.Equal), policy.UpdateStatements, was)
	es.when(before.On != after.On, policy.UpdateOn, was)
	es.when(!slices.Equal(before.Tags, after.Tags), policy.UpdateTags, was, is)
	return es
}

// ChangeWebhook runs change on a clone of the webhook; the caller needs the action of every difference
// it makes. One that is turned on is told of what is written from then on. change may run more than once.
func (a *Admin) ChangeWebhook(ctx context.Context, who catalog.Caller, id catalog.ID, how Change, change func(*catalog.Webhook) error) (*catalog.Webhook, error) {
	var result *catalog.Webhook
	err := a.update(ctx, store.Account, how, func(tx store.Tx) error {
		before, ok := tx.Webhook(id)
		if !ok {
			return noWebhook(id)
		}
		after := before.Clone()
		err := change(after)
		after.Normalize()
		var es effects
		if err == nil {
			es = webhookEffects(before, after)
			err = es.authorise(who)
		}
		if (err != nil || len(es) == 0) && !seesWebhook(who, before) {
			return noWebhook(id)
		}
		result = before
		if err != nil || len(es) == 0 {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		if before.URL != after.URL {
			if err := checkDestination(who, after); err != nil {
				return err
			}
		}
		if after.On && !before.On {
			after.Since = tx.AuditHead()
		}
		after.ModifiedAt = a.now()
		tx.PutWebhook(after)
		result = after
		d := webhookDone("updated the webhook", before, after)
		d.how.Comment = how.Comment // the patch itself may hold the secret
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// DeleteWebhook deletes a webhook. Nothing more is sent to it.
func (a *Admin) DeleteWebhook(ctx context.Context, who catalog.Caller, id catalog.ID) error {
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		w, ok := tx.Webhook(id)
		if !ok {
			return noWebhook(id)
		}
		es := effects{{policy.DeleteWebhook, w.Resource()}}
		if err := es.authorise(who); err != nil {
			if !seesWebhook(who, w) {
				return noWebhook(id)
			}
			return err
		}
		tx.DeleteWebhook(id)
		return a.audit(tx, who, es, webhookDone("deleted the webhook", w, nil))
	})
}

// TestOfWebhook returns a webhook and the entry that is to be sent to it as a test, which is no part of
// the audit log. The caller needs what turning the webhook on needs.
func (a *Admin) TestOfWebhook(ctx context.Context, who catalog.Caller, id catalog.ID) (*catalog.Webhook, catalog.AuditEntry, error) {
	w, err := a.Webhook(ctx, who, id)
	if err != nil {
		return nil, catalog.AuditEntry{}, err
	}
	if err := who.Check(policy.UpdateOn, w.Resource()); err != nil {
		return nil, catalog.AuditEntry{}, err
	}
	const verb = "tested the webhook"
	name := cmp.Or(w.Name, string(w.ID))
	return w, catalog.AuditEntry{
		ID: catalog.NewID(), At: a.now(), Kind: "webhook", Name: name,
		Description: "A test. Nothing was changed.", Short: verb + " " + name, Actor: who.Actor, TitleVerb: verb, Target: w.Resource().String(),
	}, nil
}
