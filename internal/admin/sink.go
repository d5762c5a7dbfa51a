package admin

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/seal"
	"muster/internal/store"
)

// maxSinks is how many sinks an environment can have.
const maxSinks = 10

// Sink is a sink as a caller sees and changes it.
type Sink struct {
	*catalog.Sink
	Project     catalog.ProjectKey
	Environment catalog.EnvKey
	// Secrets are masked, such as "sup********123". Any other text that a caller puts here is the
	// new secret, "" for none.
	Secrets map[catalog.SecretName]string
	// Problem says why the sink can't work whatever the store does, such as that its password can't be
	// opened; "" if there is no reason.
	Problem string
}

// SinkPath says where a sink is.
type SinkPath struct {
	Project catalog.ProjectKey
	Env     catalog.EnvKey
	Kind    catalog.SinkKind
	ID      catalog.ID
}

// NewSink is what a caller gives to create a sink.
type NewSink struct {
	Name string
	On   bool
	Tags []string
	// One of these, according to the kind. Secrets are given in the clear and kept sealed.
	Redis    *catalog.Redis
	DynamoDB *catalog.DynamoDB
	Secrets  map[catalog.SecretName]string

	Rate       int
	DaemonMode bool
}

func sinkResource(s *catalog.Sink) policy.Resource {
	return policy.Resource{{Kind: "integration", Name: string(s.ID), Tags: s.Tags}}
}

// shownSink returns the sink with its secrets masked.
func (a *Admin) shownSink(s *catalog.Sink, e *catalog.Environment) *Sink {
	v := &Sink{Sink: s, Project: e.Project, Environment: e.Key, Secrets: make(map[catalog.SecretName]string)}
	for _, secret := range s.Secrets() {
		switch plain, err := a.keys.Open(*secret.Sealed, s.SecretPlace(secret.Name)); {
		case err != nil:
			v.Secrets[secret.Name], v.Problem = hidden, fmt.Sprintf("the %s can't be used: %s", secret.Name, err)
		case plain != "":
			v.Secrets[secret.Name] = maskMiddle(plain)
		}
	}
	return v
}

// hidden stands for a secret of which nothing is shown.
const hidden = "********"

// maskMiddle shows the first and the last three characters of a long secret, as LaunchDarkly does.
func maskMiddle(secret string) string {
	const shown = 3
	r := []rune(secret)
	if len(r) < 4*shown {
		return hidden
	}
	return string(r[:shown]) + hidden + string(r[len(r)-shown:])
}

// looksMasked reports whether a text has the form of a masked secret.
func looksMasked(text string) bool {
	before, after, ok := strings.Cut(text, hidden)
	return ok && len([]rune(before)) <= 3 && len([]rune(after)) <= 3
}

// Sinks returns the sinks of all projects that the caller may view, oldest first.
func (a *Admin) Sinks(_ context.Context, who catalog.Caller) ([]*Sink, error) {
	var visible []*Sink
	for _, s := range a.store.Sinks() {
		e, ok := a.store.Environment(s.Env)
		if !ok {
			continue
		}
		if _, err := viewProject(a.store, who, e.Project); err == nil {
			visible = append(visible, a.shownSink(s, e))
		}
	}
	return visible, nil
}

// Sink returns one sink.
func (a *Admin) Sink(_ context.Context, who catalog.Caller, at SinkPath) (*Sink, error) {
	s, e, err := findSink(a.store, who, at)
	if err != nil {
		return nil, err
	}
	return a.shownSink(s, e), nil
}

// findSink finds a sink whose project the caller may view: a sink hands the members of its
// environment to somebody else, so no call does without.
func findSink(from store.Catalog, who catalog.Caller, at SinkPath) (*catalog.Sink, *catalog.Environment, error) {
	_, e, err := viewEnvironment(from, who, at.Project, at.Env)
	if err != nil {
		return nil, nil, err
	}
	s, ok := from.Sink(at.ID)
	if !ok || s.Env != e.ID || s.Kind != at.Kind {
		return nil, nil, fault.NotFoundf("environment %s of project %s has no %.80q integration %.80q", at.Env, at.Project, at.Kind, at.ID)
	}
	return s, e, nil
}

// CreateSink creates a sink of the kind at a path, whose ID does not count.
func (a *Admin) CreateSink(ctx context.Context, who catalog.Caller, at SinkPath, n NewSink) (*Sink, error) {
	var result *Sink
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		_, e, err := viewEnvironment(tx, who, at.Project, at.Env)
		if err != nil {
			return err
		}
		es := effects{{policy.CreateIntegration, policy.Resource{{Kind: "integration", Tags: n.Tags}}}}
		if err := es.authorise(who); err != nil {
			return err
		}
		s, err := a.newSink(at.Kind, e, n)
		if err != nil {
			return err
		}
		if err := checkSinkFits(tx, s); err != nil {
			return err
		}
		tx.PutSink(s)
		result = a.shownSink(s, e)
		return a.audit(tx, who, es, sinkDone("created the integration", e, nil, s))
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// newSink returns a sink that is valid by itself.
func (a *Admin) newSink(kind catalog.SinkKind, e *catalog.Environment, n NewSink) (*catalog.Sink, error) {
	now := a.now()
	s := &catalog.Sink{
		ID: catalog.NewID(), Env: e.ID, Kind: kind, Name: n.Name, On: n.On, Tags: n.Tags, DynamoDB: n.DynamoDB,
		CreatedAt: now, ModifiedAt: now, Version: 1, Rate: n.Rate, DaemonMode: n.DaemonMode,
	}
	if n.Redis != nil {
		s.Redis = new(*n.Redis)
		s.Redis.Nodes = slices.Clone(n.Redis.Nodes)
	}
	for _, secret := range s.Secrets() {
		var err error
		if *secret.Sealed, err = a.sealedSecret(s, secret.Name, n.Secrets[secret.Name]); err != nil {
			return nil, err
		}
	}
	s.Normalize()
	return s, s.Validate()
}

// sealedSecret seals a secret that somebody gave.
func (a *Admin) sealedSecret(s *catalog.Sink, name catalog.SecretName, secret string) (seal.Sealed, error) {
	if looksMasked(secret) {
		return nil, fault.Invalidf("config/%s is a masked text, and not that of the %s that is kept; send the %s itself", name, name, name)
	}
	if len(secret) > maxSecretBytes {
		return nil, fault.Invalidf("config/%s has %d bytes; at most %d are allowed", name, len(secret), maxSecretBytes)
	}
	return a.sealed(string(name), secret, s.SecretPlace(name))
}

const maxSecretBytes = 16 << 10

// editSecrets decides what becomes of the secrets of a sink that was edited. One that is kept goes
// only where it went before: whoever may change the host need not be who may know the password. Who may
// not change the configuration learns nothing by guessing: every text but the masked one is a change.
func (a *Admin) editSecrets(who catalog.Caller, before, edited *Sink) error {
	is := edited.Sink.Secrets()
	for i, was := range before.Sink.Secrets() {
		shown, text := before.Secrets[was.Name], edited.Secrets[was.Name]
		if kept := text == shown || shown == hidden && looksMasked(text); kept {
			if len(*was.Sealed) > 0 && !before.SameWay(edited.Sink) {
				return fault.Invalidf("config/%s must be sent anew, in the clear, when config changes where it goes or how it is protected on its way (host, port, nodes, cluster, sentinelMaster and tls…; region and endpoint)", was.Name)
			}
			*is[i].Sealed = *was.Sealed
			continue
		}
		if err := who.Check(policy.UpdateConfiguration, sinkResource(before.Sink)); err != nil {
			return err
		}
		plain, err := a.keys.Open(*was.Sealed, before.SecretPlace(was.Name))
		if err == nil && plain == text {
			*is[i].Sealed = *was.Sealed
			continue
		}
		if *is[i].Sealed, err = a.sealedSecret(edited.Sink, was.Name, text); err != nil {
			return err
		}
	}
	return nil
}

// checkSinkFits refuses a sink that would write where another one does, and more than an environment
// can have.
func checkSinkFits(from store.Catalog, s *catalog.Sink) error {
	n := 0
	for _, other := range from.Sinks() {
		switch {
		case other.ID == s.ID:
			continue
		case other.Place() == s.Place():
			return fault.Conflictf("there is already an integration with this store and this prefix; two would undo each other's work: give one of them another config/prefix")
		case other.Env == s.Env:
			n++
		}
	}
	if n >= maxSinks {
		return fault.TooLargef("the environment has %d persistent store integrations; at most %d are allowed", n, maxSinks)
	}
	return nil
}

// ChangeSink runs change on a copy of the sink as the caller sees it; the caller needs the action of
// every difference it makes. The masked password stands for the one that is kept. change may run more
// than once.
func (a *Admin) ChangeSink(ctx context.Context, who catalog.Caller, at SinkPath, how Change, change func(*Sink) error) (*Sink, error) {
	var result *Sink
	err := a.update(ctx, store.Account, how, func(tx store.Tx) error {
		before, e, err := findSink(tx, who, at)
		if err != nil {
			return err
		}
		result = a.shownSink(before, e)
		after, err := a.editedSink(who, result, change)
		if err != nil {
			return err
		}
		es := sinkEffects(before, after)
		if err := es.authorise(who); err != nil || len(es) == 0 {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		if err := checkSinkFits(tx, after); err != nil {
			return err
		}
		after.ModifiedAt = a.now()
		after.Version++
		tx.PutSink(after)
		result = a.shownSink(after, e)
		d := sinkDone("updated the integration", e, before, after)
		d.how.Comment = how.Comment // the patch as it was sent may hold a password
		return a.audit(tx, who, es, d)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// editedSink returns what a change makes of a sink that the caller was shown. It need not be valid.
func (a *Admin) editedSink(who catalog.Caller, before *Sink, change func(*Sink) error) (*catalog.Sink, error) {
	edited := *before
	edited.Sink, edited.Secrets = before.Clone(), maps.Clone(before.Secrets)
	if err := change(&edited); err != nil {
		return nil, err
	}
	edited.Normalize()
	return edited.Sink, a.editSecrets(who, before, &edited)
}

// TriedChange returns the sink that the same change would make of one that is kept, for somebody who wants to know
// whether it would work. Nothing is changed.
func (a *Admin) TriedChange(ctx context.Context, who catalog.Caller, at SinkPath, change func(*Sink) error) (*catalog.Sink, error) {
	before, err := a.SinkToRun(ctx, who, at)
	if err != nil {
		return nil, err
	}
	after, err := a.editedSink(who, before, change)
	if err != nil {
		return nil, err
	}
	if err := after.Validate(); err != nil {
		return nil, err
	}
	return after, checkSinkFits(a.store, after)
}

func sinkEffects(before, after *catalog.Sink) effects {
	var es effects
	was, is := sinkResource(before), sinkResource(after)
	es.when(before.Name != after.Name, policy.UpdateName, was)
	es.when(before.On != after.On, policy.UpdateOn, was)
	es.when(!slices.Equal(before.Tags, after.Tags), policy.UpdateTags, was, is)
	es.when(before.Place() != after.Place() || !sameConfig(before, after), policy.UpdateConfiguration, was)
	return es
}

func sameConfig(a, b *catalog.Sink) bool {
	if a.Rate != b.Rate || a.DaemonMode != b.DaemonMode {
		return false
	}
	others := b.Secrets()
	for i, secret := range a.Secrets() {
		if !slices.Equal(*secret.Sealed, *others[i].Sealed) {
			return false
		}
	}
	if x, y := a.DynamoDB, b.DynamoDB; x != nil {
		return x.RoleARN == y.RoleARN && x.ExternalID == y.ExternalID && x.AccessKeyID == y.AccessKeyID && x.CreateTable == y.CreateTable
	}
	x, y := a.Redis, b.Redis
	return x.SameWay(y) && x.Username == y.Username && x.SentinelUsername == y.SentinelUsername && x.Certificate == y.Certificate
}

// PauseSink makes a sink that is on write nothing until it is resumed, or resumes it.
func (a *Admin) PauseSink(ctx context.Context, who catalog.Caller, at SinkPath, paused bool) (*Sink, error) {
	var result *Sink
	err := a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		before, e, err := findSink(tx, who, at)
		if err != nil {
			return err
		}
		es := effects{{policy.UpdateOn, sinkResource(before)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		result = a.shownSink(before, e)
		if before.Paused == paused {
			return nil
		}
		after := before.Clone()
		after.Paused, after.ModifiedAt = paused, a.now()
		after.Version++
		tx.PutSink(after)
		result = a.shownSink(after, e)
		verb := "resumed the integration"
		if paused {
			verb = "paused the integration"
		}
		return a.audit(tx, who, es, sinkDone(verb, e, before, after))
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// SinkToRun returns a sink whose writing the caller may direct, such as have it checked or begun anew.
func (a *Admin) SinkToRun(_ context.Context, who catalog.Caller, at SinkPath) (*Sink, error) {
	s, e, err := findSink(a.store, who, at)
	if err != nil {
		return nil, err
	}
	if err := who.Check(policy.UpdateConfiguration, sinkResource(s)); err != nil {
		return nil, err
	}
	return a.shownSink(s, e), nil
}

// TriedSink returns the sink that the same call to CreateSink would create, for somebody who wants to
// know whether it would work. Nothing is kept.
func (a *Admin) TriedSink(_ context.Context, who catalog.Caller, at SinkPath, n NewSink) (*catalog.Sink, error) {
	_, e, err := viewEnvironment(a.store, who, at.Project, at.Env)
	if err != nil {
		return nil, err
	}
	if err := who.Check(policy.CreateIntegration, policy.Resource{{Kind: "integration", Tags: n.Tags}}); err != nil {
		return nil, err
	}
	s, err := a.newSink(at.Kind, e, n)
	if err != nil {
		return nil, err
	}
	return s, checkSinkFits(a.store, s)
}

// DeleteSink deletes a sink. What it wrote stays in its store.
func (a *Admin) DeleteSink(ctx context.Context, who catalog.Caller, at SinkPath) error {
	return a.update(ctx, store.Account, Change{}, func(tx store.Tx) error {
		s, e, err := findSink(tx, who, at)
		if err != nil {
			return err
		}
		es := effects{{policy.DeleteIntegration, sinkResource(s)}}
		if err := es.authorise(who); err != nil {
			return err
		}
		tx.DeleteSink(s.ID)
		return a.audit(tx, who, es, sinkDone("deleted the integration", e, s, nil))
	})
}

func sinkDone(verb string, e *catalog.Environment, before, after *catalog.Sink) done {
	s := cmp.Or(after, before)
	return done{
		kind: "integration", name: cmp.Or(s.Name, string(s.Kind)), verb: verb, on: sinkResource(s), project: e.Project, env: e.Key,
		before: withoutSinkSecrets(before), after: withoutSinkSecrets(after),
	}
}

func withoutSinkSecrets(s *catalog.Sink) *catalog.Sink {
	if s == nil {
		return nil
	}
	c := s.Clone()
	for _, secret := range c.Secrets() {
		*secret.Sealed = nil
	}
	return c
}
