package history

import (
	"context"
	"iter"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/policy"
	"muster/internal/segment"
	"muster/internal/store"
)

// Verification reads everything that is stored, while others are served.
type Verification struct {
	// Found yields what was found, object by object. It has to be ranged over, once.
	Found iter.Seq2[Checked, error]
	state store.Verification
}

// Progress returns how many objects have been verified, of how many as far as is known, and how many
// bytes of files have been read. It may be called at any time.
func (v *Verification) Progress() (objects, of, bytes int64) {
	return v.state.Objects.Load(), v.state.Of.Load(), v.state.Bytes.Load()
}

// Checked is an object that was verified.
type Checked struct {
	Project     catalog.ProjectKey // empty, like the next two: of none
	Environment catalog.EnvKey
	Segment     segment.Key
	Kind        string // rows, log, members, point, publication, graves, session, document or files
	Name        string // among those of its kind
	Members     int64
	Bytes       int64
	Problems    []string // none: it is as it should be
	Notes       []string
}

// Verify begins to verify what is stored. The caller needs verifyStore on the account.
func (h *History) Verify(ctx context.Context, who catalog.Caller) (*Verification, error) {
	if err := who.Check(policy.VerifyStore, policy.Resource{{Kind: "acct"}}); err != nil {
		return nil, err
	}
	if !h.verifying.CompareAndSwap(false, true) {
		return nil, fault.Conflictf("the store is being verified already; wait until that is complete")
	}
	v := &Verification{}
	v.Found = func(yield func(Checked, error) bool) {
		defer h.verifying.Store(false)
		for c, err := range h.store.Verify(ctx, &v.state) {
			out := Checked{
				Segment: c.Segment, Kind: string(c.Kind), Name: c.Name, Members: c.Members, Bytes: c.Bytes, Problems: c.Problems, Notes: c.Notes,
			}
			if env, ok := h.store.Environment(c.Env); ok {
				out.Project, out.Environment = env.Project, env.Key
			}
			if !yield(out, err) {
				return
			}
		}
	}
	return v, nil
}
