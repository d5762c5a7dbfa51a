package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"muster/internal/admin"
	"muster/internal/seal"
)

// secretKeys says where the keys come from that seal secrets at rest.
type secretKeys struct {
	text string // the keys themselves; "" for those in the file
	file string
}

// load returns the keys, and says which of the kept secrets they don't open. It always returns some:
// without those that secrets were sealed with, what has a secret fails and everything else is served. A
// file that is absent is made with a new key, unless something is sealed already: then the right one
// is missing, and another in its place would be in the way of putting it back.
func (k secretKeys) load(ctx context.Context, log *slog.Logger, kept []admin.SealedSecret) *seal.Keys {
	keys, err := k.read(ctx, log, len(kept) > 0)
	if err != nil {
		log.ErrorContext(ctx, "no secret key; what has a secret does not work until the right key is back", "err", err)
		keys = seal.Without("this server has no secret key; its log says why")
	} else {
		log.InfoContext(ctx, "secret keys", "ids", keys.IDs())
	}
	for _, s := range kept {
		if _, err := keys.Open(s.Sealed, s.Place); err != nil {
			log.ErrorContext(ctx, "a secret can't be opened; it stays as it is", "secret", s.Of, "err", err)
		}
	}
	return keys
}

// reseal makes older keys unnecessary. If it fails they are still there.
func (s *server) reseal(ctx context.Context, people *admin.Admin) {
	switch n, err := people.Reseal(ctx); {
	case err != nil:
		s.log.WarnContext(ctx, "secrets stay sealed with an older key", "err", err)
	case n > 0:
		s.log.InfoContext(ctx, "secrets are sealed with the newest key now", "secrets", n)
	}
}

func (k secretKeys) read(ctx context.Context, log *slog.Logger, sealed bool) (*seal.Keys, error) {
	if k.text != "" {
		keys, err := seal.ParseKeys(k.text)
		if err != nil {
			return nil, fmt.Errorf("--secret-key can't be read: %w", err)
		}
		return keys, nil
	}
	text, err := os.ReadFile(k.file)
	if errors.Is(err, fs.ErrNotExist) {
		if sealed {
			return nil, fmt.Errorf("%s (--secret-key-file) is gone; put it back from the backup and start again", k.file)
		}
		text, err = makeKeyFile(k.file)
	}
	if err != nil {
		return nil, fmt.Errorf("--secret-key-file: %w", err)
	}
	if at, err := os.Stat(k.file); err == nil && at.Mode().Perm()&0o077 != 0 {
		log.WarnContext(ctx, "others than the owner may use the file of the secret key; chmod 600 it", "file", k.file, "mode", at.Mode().Perm().String())
	}
	keys, err := seal.ParseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s (--secret-key-file) can't be read: %w", k.file, err)
	}
	return keys, nil
}

// makeKeyFile writes a new key, for the owner alone. It is durable before anything is sealed with it.
func makeKeyFile(path string) (text []byte, err error) {
	text = []byte("# Secrets in muster's store are sealed with this key. Keep a copy of it elsewhere.\n" + seal.NewKey() + "\n")
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*") // 0600
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	defer func() { _ = os.Remove(f.Name()) }() // it is gone unless something failed
	if _, err := f.Write(text); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return nil, err
	}
	return text, syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
