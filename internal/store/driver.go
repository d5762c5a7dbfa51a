package store

import (
	"context"
	"errors"
	"io"
	"iter"

	"muster/internal/segment"
)

// ErrHead says that an append expected another head: somebody else wrote first.
var ErrHead = errors.New("log head moved")

// Table is a set of rows beside the log. The engine decides what they mean.
type Table byte

// Row is a key and a value in a table. A nil Value deletes.
type Row struct {
	Table Table
	Key   []byte
	Value []byte
}

// Record is an encoded entry of an environment's log.
type Record struct {
	Env      segment.EnvID
	Revision segment.Revision
	Value    []byte
}

// Log keeps the logs of all environments and the rows beside them. It knows nothing of what they
// mean. Implementations live in packages named after their driver.
type Log interface {
	// Write appends records and changes rows as one atomic step and returns when it is durable.
	// Each record must be the next one of its environment, else ErrHead and nothing is written.
	// Of several rows with one key the last counts.
	// An error other than ErrHead leaves open whether the write became durable; the engine then
	// stops using the log.
	Write(ctx context.Context, records []Record, rows []Row) error
	// Read yields an environment's records after the given revision, oldest first. Values are
	// valid until the next record is asked for. It yields ErrTrimmed if the log starts later.
	Read(ctx context.Context, env segment.EnvID, after segment.Revision) iter.Seq2[Record, error]
	// Head returns the revision of an environment's newest record, 0 if there is none.
	Head(ctx context.Context, env segment.EnvID) (segment.Revision, error)
	// Trim deletes an environment's records up to and including a revision, never the newest one.
	// It need not be durable at once. Readers at work may end with ErrTrimmed.
	Trim(ctx context.Context, env segment.EnvID, through segment.Revision) error
	// Size returns about how many bytes an environment's records after a revision take on disk. It
	// reads none of them, and may leave out what was written in the last moments.
	Size(ctx context.Context, env segment.EnvID, after segment.Revision) (int64, error)
	// Drop deletes an environment's whole log. It need not be durable at once.
	Drop(ctx context.Context, env segment.EnvID) error
	// Rows yields a table's rows whose key begins with prefix, in key order, or against it.
	// Values are valid until the next row is asked for.
	Rows(ctx context.Context, table Table, prefix []byte, reverse bool) iter.Seq2[Row, error]
	// Row returns one row's value; false if there is none.
	Row(ctx context.Context, table Table, key []byte) ([]byte, bool, error)
	Close() error
}

// FileID names a file: 128 random bits, never reused.
type FileID [16]byte

// Files keeps immutable files: rosters and change files.
type Files interface {
	// Put stores what write produces under a new id. When it returns, a later Log.Write may name
	// the file: the file is at least as durable as that write. The error wraps ErrFull when there is no
	// room, and nothing stays of the file then.
	Put(ctx context.Context, id FileID, write func(io.Writer) error) error
	// Open returns a file's bytes. They stay readable until the File is closed, also after Delete.
	Open(ctx context.Context, id FileID) (File, error)
	Delete(ctx context.Context, id FileID) error
	// List yields every file there is.
	List(ctx context.Context) iter.Seq2[FileID, error]
	// Scratch returns an empty file that nobody else sees. It is never synced, and gone when it is
	// closed or the process ends.
	Scratch(ctx context.Context) (Scratch, error)
	// Free returns how many bytes the place where files and log lie has left, and its size.
	Free() (free, size uint64, err error)
}

// Scratch is a file for what does not fit into memory. Its methods may be called by any number of
// goroutines.
type Scratch interface {
	io.WriterAt
	io.ReaderAt
	io.Closer
}

// File is an open immutable file.
type File interface {
	// Bytes is the whole content, mapped where the driver can. Who reads it catches the faults of
	// pages that the disk can't deliver: see [CatchFault].
	Bytes() []byte
	Close() error
}
