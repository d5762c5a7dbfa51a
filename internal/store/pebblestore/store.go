// Package pebblestore keeps logs, rows and files in one Pebble database and a folder beside it.
//
// It implements [store.Log] and [store.Files] and knows nothing of what the bytes mean. A write is
// one batch that is synced before Write returns; files up to 256 KiB are values of the database,
// larger ones stand in the folder "roster", synced before Put returns. docs/format/pebble.md
// describes the keys.
//
// Pebble can't go on after a failed write of its log, and what reached the disk is unknown then. So
// such a failure ends the process; the next start reads what is really there.
package pebblestore

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"muster/internal/segment"
	"muster/internal/store"
)

var (
	_ store.Log   = (*Store)(nil)
	_ store.Files = (*Store)(nil)
)

const (
	cacheBytes = 64 << 20
	// Up to four memtables exist at once, so they take at most as much as the cache. A group of
	// 64 k changes with its keys is about 5 MB and must stay below half of one.
	memTableBytes = 16 << 20
)

// Store is an open data directory. Its methods may be called from any number of goroutines.
type Store struct {
	fs        vfs.FS
	db        *pebble.DB
	lock      *pebble.Lock
	rosters   string // path of the folder of large files
	rosterDir vfs.File
	scratches string // path of the folder of scratch files
	logger    *slog.Logger
	onFatal   func(error)

	scratchNumber atomic.Uint64
	failure       atomic.Pointer[error] // set once; nothing works afterwards

	mu     sync.Mutex
	idle   sync.Cond // uses mu; signalled when calls drops to 0
	calls  int       // running calls, under mu
	closed atomic.Bool
	heads  map[segment.EnvID]*head // under mu; entries are never removed
}

// Open opens the data directory dir of a file system, creating what is missing. Only one process
// can have a directory open.
//
// onFatal is called, once, when the disk failed in a way after which nothing may be acknowledged
// any more; it must not call the store. With nil the process exits. If it returns, every method
// fails from then on.
func Open(dir string, fs vfs.FS, logger *slog.Logger, onFatal func(error)) (*Store, error) {
	if onFatal == nil {
		onFatal = func(error) { os.Exit(1) }
	}
	s := &Store{
		fs: fs, logger: logger, onFatal: onFatal,
		rosters: fs.PathJoin(dir, "roster"), scratches: fs.PathJoin(dir, "scratch"),
		heads: make(map[segment.EnvID]*head),
	}
	s.idle.L = &s.mu
	if err := s.open(dir); err != nil {
		if s.failed() == nil {
			err = errors.Join(err, s.release())
		}
		return nil, err
	}
	return s, nil
}

func (s *Store) open(dir string) error {
	database := s.fs.PathJoin(dir, "pebble")
	for _, d := range []string{database, s.rosters, s.scratches} {
		if err := makeDir(s.fs, d); err != nil {
			return fmt.Errorf("create folder %s: %w", d, err)
		}
	}
	var err error
	if s.lock, err = pebble.LockDirectory(database, s.fs); err != nil {
		if pathErr := (*iofs.PathError)(nil); errors.As(err, &pathErr) {
			return fmt.Errorf("lock data directory %s: %w", dir, err)
		}
		return fmt.Errorf("data directory %s is in use by another muster process; stop that one or choose another directory: %w", dir, err)
	}
	if err := s.sweepScratch(); err != nil {
		return fmt.Errorf("clear folder %s: %w", s.scratches, err)
	}
	if s.rosterDir, err = s.fs.OpenDir(s.rosters); err != nil {
		return fmt.Errorf("open folder %s: %w", s.rosters, err)
	}
	if err := s.openDatabase(database); err != nil {
		return fmt.Errorf("open database %s: %w", database, err)
	}
	if err := s.recoverHeads(); err != nil {
		return fmt.Errorf("find log heads in %s: %w", database, err)
	}
	return nil
}

// openDatabase opens Pebble, which panics when it can't sync its folder.
func (s *Store) openDatabase(path string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.fail(fmt.Errorf("sync of folder %s: %v", path, p))
			err = s.failed()
		}
	}()
	if s.db, err = pebble.Open(path, s.options()); err != nil {
		return err
	}
	return s.failed()
}

func (s *Store) options() *pebble.Options {
	return &pebble.Options{
		FS:   s.fs,
		Lock: s.lock,
		EventListener: &pebble.EventListener{
			// Whoever reads the bad block gets an error; the rest of the database serves on.
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				s.logger.Error("stored data is corrupt", "path", info.Path, "error", info.Details)
			},
		},
		Logger:             &pebbleLogger{s: s},
		FormatMajorVersion: pebble.FormatValueSeparation,
		CacheSize:          cacheBytes,
		MemTableSize:       memTableBytes,
		// Spreads write-back, so that a sync never finds hundreds of megabytes waiting.
		BytesPerSync:    512 << 10,
		WALBytesPerSync: 512 << 10,
		// A burst of commits must not stall behind compaction: log records are read in order
		// and rarely, so that many files in L0 cost little.
		L0StopWritesThreshold: 36,
	}
}

// Close ends all use of the directory. It waits for running calls; iterations end with
// [store.ErrClosed]. Open files stay readable.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed.Swap(true) {
		s.mu.Unlock()
		return store.ErrClosed
	}
	for s.calls > 0 {
		s.idle.Wait()
	}
	s.mu.Unlock()
	if err := s.failed(); err != nil {
		// Pebble may still hold its locks: closing it could wait for ever. The process is about
		// to end, which releases everything.
		return err
	}
	return s.release()
}

func (s *Store) release() error {
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.rosterDir != nil {
		errs = append(errs, s.rosterDir.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Metrics returns Pebble's own figures of the database.
func (s *Store) Metrics() (*pebble.Metrics, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.db.Metrics(), nil
}

// enter begins a call; each successful enter needs a leave. Calls nest: an iteration's consumer may
// call the store while Close waits, and then gets ErrClosed.
func (s *Store) enter() error {
	if err := s.failed(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return store.ErrClosed
	}
	s.calls++
	return nil
}

func (s *Store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls--
	if s.calls == 0 {
		s.idle.Broadcast()
	}
}

// usable returns why a running iteration must end, or nil.
func (s *Store) usable() error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return s.failed()
}

func (s *Store) failed() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// fail makes the store unusable.
func (s *Store) fail(cause error) {
	err := fmt.Errorf("storage failed, restart needed: %w", cause)
	if s.failure.CompareAndSwap(nil, &err) {
		s.logger.Error("storage failed, ending the process", "error", cause)
		s.onFatal(err)
	}
}

// pebbleLogger takes what Pebble has to say. Pebble expects that Fatalf does not return.
type pebbleLogger struct {
	s          *Store
	mu         sync.Mutex
	loggedAt   time.Time // when an error was logged last
	suppressed int       // errors since
}

// errorPause lies between two errors of Pebble in the log: on a full disk it tries again without
// pause and reports every failure.
const errorPause = 5 * time.Second

func (l *pebbleLogger) Infof(format string, args ...any) {
	l.s.logger.Debug("pebble event", "detail", fmt.Sprintf(format, args...))
}

func (l *pebbleLogger) Errorf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.loggedAt) < errorPause {
		l.suppressed++
		return
	}
	l.s.logger.Error("pebble error", "detail", fmt.Sprintf(format, args...), "not_logged_before", l.suppressed)
	l.loggedAt, l.suppressed = time.Now(), 0
}

func (l *pebbleLogger) Fatalf(format string, args ...any) {
	l.s.fail(fmt.Errorf(format, args...))
}

// makeDir creates a folder and its parents so that they survive a power cut.
func makeDir(fs vfs.FS, dir string) error {
	var created []string
	for d := dir; ; {
		if _, err := fs.Stat(d); err == nil {
			break
		} else if !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
		created = append(created, d)
		parent := fs.PathDir(d)
		if parent == d {
			break
		}
		d = parent
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range created {
		if err := syncDir(fs, fs.PathDir(d)); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
