package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/store"
)

// maxSinks is how many sinks an environment can have.
const maxSinks = 10

// Sink is a sink as a caller sees and changes it.
type Sink struct {
	*catalog.Sink
	Project     catalog.ProjectKey
	Environment catalog.EnvKey
	// Password is masked, such as "sup********123". Any other text that a caller puts here is the
	// new password, "" for none.
	Password string
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
	// One of these, according to the kind. The password is given in the clear and kept sealed.
	Redis    *catalog.Redis
	Password string
	DynamoDB *catalog.DynamoDB
}

func sinkResource(s *catalog.Sink) policy.Resource {
	return policy.Resource{{Kind: "integration", Name: string(s.ID), Tags: s.Tags}}
}

// shownSink returns the sink with its password masked.
func (a *Admin) shownSink(s *catalog.Sink, e *catalog.Environment) *Sink {
	v := &Sink{Sink: s, Project: e.Project, Environment: e.Key}
	if password, err := a.keys.Open(s.Password(), s.PasswordPlace()); err != nil {
		v.Password, v.Problem = hidden, "the password can't be used: "+err.Error()
	} else if password != "" {
		v.Password = maskMiddle(password)
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
		now := a.now()
		s := &catalog.Sink{
			ID: catalog.NewID(), Env: e.ID, Kind: at.Kind, Name: n.Name, On: n.On, Tags: n.Tags, DynamoDB: n.DynamoDB,
			CreatedAt: now, ModifiedAt: now, Version: 1,
		}
		if n.Redis != nil {
			s.Redis = new(*n.Redis)
		}
		es := effects{{policy.CreateIntegration, policy.Resource{{Kind: "integration", Tags: n.Tags}}}}
		if err := es.authorise(who); err != nil {
			return err
		}
		if err := a.setPassword(s, n.Password); err != nil {
			return err
		}
		s.Normalize()
		if err := s.Validate(); err != nil {
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

// setPassword seals a password that somebody gave.
func (a *Admin) setPassword(s *catalog.Sink, password string) error {
	if looksMasked(password) {
		return fault.Invalidf("config/password is a masked text, and not that of the password that is kept; send the password itself")
	}
	if len(password) > maxPasswordBytes {
		return fault.Invalidf("config/password has %d bytes; at most %d are allowed", len(password), maxPasswordBytes)
	}
	if s.Redis == nil {
		if password != "" {
			return fault.Invalidf("config/password is not for a %.80q integration", s.Kind)
		}
		return nil
	}
	sealed, err := a.sealed("password", password, s.PasswordPlace())
	if err != nil {
		return err
	}
	s.Redis.Password = sealed
	return nil
}

const maxPasswordBytes = 4096

// editPassword decides what becomes of the password of a sink that was edited. One that is kept goes
// only where it went before: whoever may change the host need not be who may know the password. Who may
// not change the configuration learns nothing by guessing: every text but the masked one is a change.
func (a *Admin) editPassword(who catalog.Caller, before, edited *Sink) error {
	was, is := before.Redis, edited.Redis
	if is == nil {
		return a.setPassword(edited.Sink, edited.Password)
	}
	kept := edited.Password == before.Password || before.Problem != "" && looksMasked(edited.Password)
	if !kept {
		if err := who.Check(policy.UpdateConfiguration, sinkResource(before.Sink)); err != nil {
			return err
		}
		plain, err := a.keys.Open(was.Password, before.PasswordPlace())
		if err != nil || plain != edited.Password {
			return a.setPassword(edited.Sink, edited.Password)
		}
	} else if len(was.Password) > 0 && (was.Host != is.Host || was.Port != is.Port || was.TLS && !is.TLS) {
		return fault.Invalidf("config/password must be sent anew, in the clear, when config/host or config/port changes or config/tlsEnabled ends: it would go elsewhere")
	}
	is.Password = was.Password
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
		edited := a.shownSink(before.Clone(), e)
		if err := change(edited); err != nil {
			return err
		}
		after := edited.Sink
		after.Normalize()
		result = a.shownSink(before, e)
		if err := a.editPassword(who, result, edited); err != nil {
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
	if a.Redis == nil || b.Redis == nil {
		return samePointers(a.DynamoDB, b.DynamoDB)
	}
	x, y := *a.Redis, *b.Redis
	same := slices.Equal(x.Password, y.Password)
	x.Password, y.Password = nil, nil
	return same && x.Host == y.Host && x.Username == y.Username && x.TLS == y.TLS && x.Cluster == y.Cluster
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
		before: withoutPassword(before), after: withoutPassword(after),
	}
}

func withoutPassword(s *catalog.Sink) *catalog.Sink {
	if s == nil || s.Redis == nil {
		return s
	}
	c := s.Clone()
	c.Redis.Password = nil
	return c
}
