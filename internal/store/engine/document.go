package engine

import (
	"context"
	"io"
	"iter"

	"muster/internal/segment"
	"muster/internal/store"
)

// PutDocument keeps what write produces.
func (e *Engine) PutDocument(context.Context, segment.EnvID, store.DocumentID, func(io.Writer) error) error {
	return errLater
}

// OpenDocument returns a document.
func (e *Engine) OpenDocument(context.Context, segment.EnvID, store.DocumentID) (store.Document, error) {
	return nil, errLater
}

// DeleteDocument deletes a document.
func (e *Engine) DeleteDocument(context.Context, segment.EnvID, store.DocumentID) error {
	return errLater
}

// DocumentList yields documents.
func (e *Engine) DocumentList(context.Context, segment.EnvID, string) iter.Seq2[store.DocumentEntry, error] {
	return func(func(store.DocumentEntry, error) bool) {}
}
