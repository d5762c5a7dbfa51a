package ingest

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"muster/internal/segment"
	"muster/internal/store"
)

// RejectsOf names the document with the rows that a run skipped.
func RejectsOf(id segment.RunID) store.DocumentID { return store.DocumentID("rejects/" + string(id)) }

// rejects writes the rows that were skipped into a document, which begins with the first of them.
type rejects struct {
	i    *Ingest
	j    *job
	pipe *io.PipeWriter
	csv  *csv.Writer
	done chan error
}

func (r *rejects) add(ctx context.Context, row int64, reason, value string) {
	if r.pipe == nil {
		reader, writer := io.Pipe()
		r.pipe, r.csv, r.done = writer, csv.NewWriter(writer), make(chan error, 1)
		go func() {
			err := r.i.store.PutDocument(ctx, r.j.id.env, RejectsOf(r.j.name), func(w io.Writer) error {
				_, err := io.Copy(w, reader)
				return err
			})
			_ = reader.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // whoever still writes must not wait
			r.done <- err
		}()
		_ = r.csv.Write([]string{"row", "reason", "value"}) // Flush tells of errors
	}
	_ = r.csv.Write([]string{strconv.FormatInt(row, 10), reason, strings.ToValidUTF8(value, "\uFFFD")})
}

func (r *rejects) close() error {
	if r.pipe == nil {
		return nil
	}
	r.csv.Flush()
	_ = r.pipe.Close() // never fails
	if err := <-r.done; err != nil {
		return fmt.Errorf("write rejected rows: %w", err)
	}
	return nil
}
