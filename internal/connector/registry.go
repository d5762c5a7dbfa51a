package connector

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

//go:embed manifests/*.json
var shipped embed.FS

// Registry is the set of tools that may push. It is safe for concurrent use as long as nobody
// loads into it.
type Registry struct {
	tools map[string]*Manifest // by key in lower case
}

// NewRegistry returns the tools that muster ships.
func NewRegistry() (*Registry, error) {
	manifests, err := fs.Sub(shipped, "manifests")
	if err != nil {
		return nil, fmt.Errorf("open shipped manifests: %w", err)
	}
	r := &Registry{tools: map[string]*Manifest{}}
	return r, r.Load(manifests)
}

// Load adds the manifests of a folder, one per file key.json. One that spells its key exactly like
// a tool that is there takes its place. Nothing is added when one of them is wrong.
func (r *Registry) Load(folder fs.FS) error {
	names, err := fs.Glob(folder, "*.json")
	if err != nil {
		return fmt.Errorf("list manifests: %w", err)
	}
	added := map[string]*Manifest{}
	for _, name := range names {
		m, err := readManifest(folder, name)
		if err != nil {
			return err
		}
		fold := strings.ToLower(string(m.Key))
		if other, ok := added[fold]; ok {
			return fmt.Errorf("manifests %q and %q differ in case only", other.Key, m.Key)
		}
		if other, ok := r.tools[fold]; ok && other.Key != m.Key {
			return fmt.Errorf("manifest %q differs from the tool %q in case only", m.Key, other.Key)
		}
		added[fold] = m
	}
	maps.Copy(r.tools, added)
	return nil
}

func readManifest(folder fs.FS, name string) (*Manifest, error) {
	f, err := folder.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open manifest %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxManifestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", name, err)
	}
	return ParseManifest(Key(strings.TrimSuffix(name, ".json")), text)
}

// Lookup returns the tool with the given key in any case. The manifest has the key's own spelling.
func (r *Registry) Lookup(key string) (*Manifest, bool) {
	m, ok := r.tools[strings.ToLower(key)]
	return m, ok
}

// All returns every tool in the order of their keys.
func (r *Registry) All() []*Manifest {
	all := make([]*Manifest, 0, len(r.tools))
	for _, m := range r.tools {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *Manifest) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return all
}
