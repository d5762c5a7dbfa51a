package delivery

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // ld-relay checks its archives with it
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"

	"muster/internal/catalog"
	"muster/internal/fault"
	"muster/internal/segment"
)

// Archive is what a relay without a connection serves: each environment that a configuration of relays
// selects, with its flags and segments as of now. Members of big segments are not in it.
type Archive struct {
	files []archived
	at    time.Time
}

// archived is one file of an archive.
type archived struct {
	name   string
	pieces [][]byte
}

func (f *archived) size() (n int64) {
	for _, p := range f.pieces {
		n += int64(len(p))
	}
	return n
}

// Archive returns the archive of a configuration of relays. Its errors are faults.
func (d *Delivery) Archive(ctx context.Context, id catalog.ID) (*Archive, error) {
	stream, err := d.AutoConfig(id, false)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	now := d.o.Now()
	a := &Archive{at: now}
	c, ok := d.store.RelayConfig(id)
	if !ok {
		return nil, fault.NotFoundf("this configuration of relays does not exist any more").Because(ErrGone)
	}
	environments, _ := stream.selected(c, now)
	for env, e := range environments {
		e.Version = d.relayVersion(now)
		if err := a.add(ctx, d, env, e); err != nil {
			return nil, err
		}
	}
	// The checksum is one over the files in the order of their names.
	slices.SortFunc(a.files, func(x, y archived) int { return cmp.Compare(x.name, y.name) })
	return a, nil
}

func (a *Archive) add(ctx context.Context, d *Delivery, env segment.EnvID, e relayEnvironment) error {
	s, err := d.Current(ctx, env, "")
	if err != nil {
		return err
	}
	payload := s.Payload()
	about, err := json.Marshal(struct {
		Env    relayEnvironment `json:"env"`
		DataID string           `json:"dataId"`
	}{e, payload.ETag})
	if err != nil {
		return fmt.Errorf("describe environment %s: %w", env, err)
	}
	a.files = append(a.files, archived{string(env) + ".json", [][]byte{about}}, archived{string(env) + "-data.json", payload.JSON})
	return nil
}

// Write writes the archive as a compressed tar file.
func (a *Archive) Write(w io.Writer) error {
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	out := tar.NewWriter(zip)
	sum := md5.New() //nolint:gosec // see above
	for i := range a.files {
		if err := a.write(io.MultiWriter(out, sum), out, &a.files[i]); err != nil {
			return err
		}
	}
	check := archived{"checksum.md5", [][]byte{bytes.Clone(sum.Sum(nil))}}
	if err := a.write(out, out, &check); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return zip.Close()
}

func (a *Archive) write(to io.Writer, out *tar.Writer, f *archived) error {
	err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o600, Size: f.size(), ModTime: a.at})
	if err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	for _, p := range f.pieces {
		if _, err := to.Write(p); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
	}
	return nil
}
