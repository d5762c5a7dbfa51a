package api

import (
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"muster/internal/catalog"
	"muster/internal/history"
)

// checkedJSON is an object that was verified.
type checkedJSON struct {
	Kind        string   `json:"kind"`
	Project     string   `json:"projectKey,omitzero"`
	Environment string   `json:"environmentKey,omitzero"`
	Segment     string   `json:"segmentKey,omitzero"`
	Name        string   `json:"name,omitzero"`
	Members     int64    `json:"members,omitzero"`
	Bytes       int64    `json:"bytes,omitzero"`
	Problems    []string `json:"problems"`
	Notes       []string `json:"notes,omitzero"`
}

// verifyProgressJSON stands between the objects, and last of all with complete.
type verifyProgressJSON struct {
	Kind     string `json:"kind"` // progress, or complete
	Objects  int64  `json:"objects"`
	Of       int64  `json:"of"`
	Bytes    int64  `json:"bytes"`
	Problems int    `json:"problemCount"`
}

// verifyPulse is how often a client learns how far a verification is.
const verifyPulse = time.Second

// verify streams what a verification finds as lines of JSON. It ends when the client goes.
func (s *server) verify(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	v, err := s.history.Verify(r.Context(), who)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	out := &verification{of: v, w: w}
	done := make(chan struct{})
	var pulse sync.WaitGroup
	pulse.Go(func() { out.pulse(done) })
	for c, foundErr := range v.Found {
		if err = foundErr; err != nil {
			break
		}
		out.found(c)
	}
	close(done)
	pulse.Wait()
	if err != nil {
		if r.Context().Err() == nil {
			s.log.ErrorContext(r.Context(), "verification ended early", "error", err)
		}
		panic(http.ErrAbortHandler) // the client must not take what it has for all
	}
	out.progress("complete")
	return nil
}

// verification writes lines.
type verification struct {
	of *history.Verification
	w  http.ResponseWriter

	mu       sync.Mutex // guards the writer and the rest
	problems int
}

func (v *verification) line(line any) {
	b, err := json.Marshal(line, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return // strings and numbers always marshal
	}
	_, _ = v.w.Write(append(b, '\n')) // the client may be gone, which ends the verification
	_ = http.NewResponseController(v.w).Flush()
}

func (v *verification) found(c history.Checked) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.problems += len(c.Problems)
	v.line(checkedJSON{
		Kind: c.Kind, Project: string(c.Project), Environment: string(c.Environment), Segment: string(c.Segment), Name: c.Name,
		Members: c.Members, Bytes: c.Bytes, Problems: each(c.Problems, func(p string) string { return p }), Notes: c.Notes,
	})
}

func (v *verification) progress(kind string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	objects, of, bytes := v.of.Progress()
	v.line(verifyProgressJSON{Kind: kind, Objects: objects, Of: of, Bytes: bytes, Problems: v.problems})
}

func (v *verification) pulse(done <-chan struct{}) {
	tick := time.NewTicker(verifyPulse)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			v.progress("progress")
		case <-done:
			return
		}
	}
}
