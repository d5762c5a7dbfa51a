package engine

import (
	"context"
	"errors"
	"iter"
	"time"

	"muster/internal/segment"
	"muster/internal/store"
)

var errLater = errors.New("not there yet")

func (t *tx) Publish(segment.EnvID, segment.Key, store.Publication) (store.Effect, error) {
	return store.Effect{}, errLater
}
func (t *tx) OpenSession(store.Session)                                       {}
func (t *tx) UpdateSession(segment.EnvID, segment.Key, segment.RunID, []byte) {}
func (t *tx) CloseSession(segment.EnvID, segment.Key, segment.RunID)          {}
func (t *tx) Keep(segment.EnvID, segment.Key, segment.RunID, int, store.Staged) error {
	return errLater
}
func (t *tx) Park(segment.EnvID, segment.Key, segment.RunID, store.Staged) (store.Effect, error) {
	return store.Effect{}, errLater
}
func (t *tx) Settle(segment.EnvID, segment.Key, segment.RunID) (store.Effect, error) {
	return store.Effect{}, errLater
}
func (t *tx) Session(segment.EnvID, segment.Key, segment.RunID) (store.Session, bool) {
	return store.Session{}, false
}
func (t *tx) Recent(segment.EnvID, segment.Key, time.Time) (added, removed int) { return 0, 0 }

func (e *Engine) Snapshot(segment.EnvID, segment.Ref) (store.Members, error) { return nil, errLater }
func (e *Engine) Points(segment.EnvID, segment.Key) ([]segment.Point, error) { return nil, errLater }
func (e *Engine) PointMembers(context.Context, segment.EnvID, segment.Key, segment.PointID) (store.Members, error) {
	return nil, errLater
}
func (e *Engine) Counted(context.Context, segment.EnvID, segment.Ref, segment.Revision) (segment.Diff, error) {
	return segment.Diff{}, errLater
}
func (e *Engine) Sessions(segment.EnvID) ([]store.Session, error) { return nil, nil }
func (e *Engine) Pages(context.Context, segment.EnvID, segment.Key, segment.RunID) iter.Seq2[segment.Change, error] {
	return func(func(segment.Change, error) bool) {}
}
