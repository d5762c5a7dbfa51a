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

// Webhook is a webhook as a caller sees and changes it.
type Webhook struct {
	*catalog.Webhook
	// Secret is shown to those who may set it: whoever could set it needs to read it back, as Terraform's
	// provider does. To others, and where it can't be opened, it is "********", which keeps the secret when
	// it is sent back. Any other text that a caller puts here is the new secret, "" for none.
	Secret string
	// Problem says why nothing can be sent whatever the receiver does: the secret can't be opened. "" if it can.
	Problem string
}

// NewWebhook is what a caller gives to create a webhook.
type NewWebhook struct {
	URL        string
	Name       string
	On         bool
	Secret     string // in the clear, kept sealed; "": what is sent is not signed
	Statements []policy.Statement
	Tags       []string
}

func seesWebhook(who catalog.Caller, w *catalog.Webhook) bool {
	return who.Administers || who.Principal.Allows(policy.ViewWebhook, w.Resource())
}

// shownWebhook returns the webhook with as much of its secret as the caller may see.
func (a *Admin) shownWebhook(who catalog.Caller, w *catalog.Webhook) *Webhook {
	v := maskedWebhook(w)
	secret, err := a.keys.Open(w.Secret, w.SecretPlace())
	if err != nil {
		v.Problem = "the secret can't be used, and nothing is sent: " + err.Error()
	} else if who.Principal.Allows(policy.UpdateSecret, w.Resource()) {
		v.Secret = secret
	}
	return v
}

// maskedWebhook returns the webhook as everybody may see it.
func maskedWebhook(w *catalog.Webhook) *Webhook {
	if w == nil {
		return nil
	}
	v := &Webhook{Webhook: w}
	if len(w.Secret) > 0 {
		v.Secret = hidden
	}
	return v
}

// setSecret seals a secret that somebody gave.
func (a *Admin) setSecret(w *catalog.Webhook, secret string) error {
	if secret == hidden {
		return fault.Invalidf("secret is a masked text, and no secret is kept that it could stand for; send the secret itself")
	}
	if err := catalog.CheckWebhookSecret(secret); err != nil {
		return err
	}
	var err error
	w.Secret, err = a.sealed("secret", secret, w.SecretPlace())
	return err
}

// Webhooks returns the webhooks that the caller may view, oldest first.
func (a *Admin) Webhooks(_ context.Context, who catalog.Caller) ([]*Webhook, error) {
	var visible []*Webhook
	for _, w := range a.store.Webhooks() {
		if seesWebhook(who, w) {
			visible = append(visible, a.shownWebhook(who, w))
		}
	}
	return visible, nil
}

// Webhook returns one webhook.
func (a *Admin) Webhook(_ context.Context, who catalog.Caller, id catalog.ID) (*Webhook, error) {
	w, ok := a.store.Webhook(id)
	if !ok || !seesWebhook(who, w) {
		return nil, noWebhook(id)
	}
	return a.shownWebhook(who, w), nil
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
		kind: "webhook", name: cmp.Or(w.Name, string(w.ID)), verb: verb, on: w.Resource(), before: maskedWebhook(before), after: maskedWebhook(after),
	}
}

// CreateWebhook creates a webhook, which is told of what is written after it. Its secret is shown:
// whoever makes it knows it.
func (a *Admin) CreateWebhook(ctx context.Context, who catalog.Caller, n NewWebhook) (*Webhook, error) {
	now := a.now()
	w := &catalog.Webhook{
		ID: catalog.NewID(), URL: n.URL, Name: n.Name, On: n.On, Statements: n.Statements, Tags: n.Tags,
		Account: who.Administers, CreatedAt: now, ModifiedAt: now,
	}
	w.Normalize()
	unnamed := catalog.Webhook{Tags: w.Tags}
	es := effects{{policy.CreateWebhook, unnamed.Resource()}}
	if err := es.authorise(who); err != nil {
		return nil, err
	}
	if err := a.setSecret(w, n.Secret); err != nil {
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
	return &Webhook{Webhook: w, Secret: n.Secret}, nil
}

func webhookEffects(before, after *catalog.Webhook, newSecret bool) effects {
	var es effects
	was, is := before.Resource(), after.Resource()
	es.when(before.Name != after.Name, policy.UpdateName, was)
	es.when(before.URL != after.URL, policy.UpdateURL, was)
	es.when(newSecret, policy.UpdateSecret, was)
	es.when(!slices.EqualFunc(before.Statements, after.Statements, policy.Statement.Equal), policy.UpdateStatements, was)
	es.when(before.On != after.On, policy.UpdateOn, was)
	es.when(!slices.Equal(before.Tags, after.Tags), policy.UpdateTags, was, is)
	return es
}

// ChangeWebhook runs change on a copy of the webhook as the caller sees it; the caller needs the action of
// every difference it makes. A masked secret stands for the one that is kept. A webhook that is turned on
// is told of what is written from then on. change may run more than once.
func (a *Admin) ChangeWebhook(ctx context.Context, who catalog.Caller, id catalog.ID, how Change, change func(*Webhook) error) (*Webhook, error) {
	var result *Webhook
	err := a.update(ctx, store.Account, how, func(tx store.Tx) error {
		before, ok := tx.Webhook(id)
		if !ok {
			return noWebhook(id)
		}
		result = a.shownWebhook(who, before)
		edited := a.shownWebhook(who, before.Clone())
		err := change(edited)
		after := edited.Webhook
		after.Normalize()
		// Who may not see the secret learns nothing by guessing: every text but the masked one is a change.
		newSecret := edited.Secret != result.Secret && (edited.Secret != hidden || len(before.Secret) == 0)
		var es effects
		if err == nil {
			es = webhookEffects(before, after, newSecret)
			err = es.authorise(who)
		}
		if (err != nil || len(es) == 0) && !seesWebhook(who, before) {
			return noWebhook(id)
		}
		if err != nil || len(es) == 0 {
			return err
		}
		if newSecret {
			if err := a.setSecret(after, edited.Secret); err != nil {
				return err
			}
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
		result = a.shownWebhook(who, after)
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
	return w.Webhook, catalog.AuditEntry{
		ID: catalog.NewID(), At: a.now(), Kind: "webhook", Name: name,
		Description: "A test. Nothing was changed.", Short: verb + " " + name, Actor: who.Actor, TitleVerb: verb, Target: w.Resource().String(),
	}, nil
}
