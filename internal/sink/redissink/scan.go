package redissink

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"muster/internal/fault"
	"muster/internal/segment"
	"muster/internal/sink"
)

// Lookup implements [sink.Target].
func (t *target) Lookup(ctx context.Context, hashes []segment.Hash) ([]sink.Held, error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	held := make([]sink.Held, len(hashes))
	err := t.during(ctx, "read from", func() error {
		pipe := t.client.Pipeline()
		sets := make([]*redis.StringSliceCmd, 0, 2*len(hashes))
		for _, h := range hashes {
			sets = append(sets, pipe.SMembers(ctx, t.included(h)), pipe.SMembers(ctx, t.excluded(h)))
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		for i, h := range hashes {
			held[i].Hash = h
			held[i].Included = held[i].Refs(sets[2*i].Val())
			held[i].Excluded = held[i].Refs(sets[2*i+1].Val())
		}
		return nil
	})
	return held, err
}

// scanned is how many keys Redis looks at in one step of a scan.
const scanned = 1000

// Scan implements [sink.Target]. A position is the address of a node, a blank and Redis's cursor.
func (t *target) Scan(ctx context.Context, from string) (part []sink.Held, next string, err error) {
	var hashes []segment.Hash
	err = t.during(ctx, "read from", func() error {
		address, text, _ := strings.Cut(from, " ")
		cursor, err := strconv.ParseUint(cmp.Or(text, "0"), 10, 64)
		if err != nil {
			return fault.Invalidf("%q is no position of a scan", from)
		}
		node, address, after, err := t.node(ctx, address)
		if err != nil || node == nil {
			return err
		}
		if !strings.HasPrefix(from, address+" ") {
			cursor = 0 // the node is another one
		}
		keys, cursor, err := node.Scan(ctx, cursor, pattern(t.prefix), scanned).Result()
		if err != nil {
			return err
		}
		for _, key := range keys {
			if h, ok := segment.ParseHash(key[max(0, len(key)-44):]); ok {
				hashes = append(hashes, h)
			}
		}
		switch {
		case cursor != 0:
			next = address + " " + strconv.FormatUint(cursor, 10)
		case after != "":
			next = after + " 0"
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(hashes, func(a, b segment.Hash) int { return slices.Compare(a[:], b[:]) })
	part, err = t.Lookup(ctx, slices.Compact(hashes))
	return part, next, err
}

// scanner is what can be scanned.
type scanner interface {
	Scan(ctx context.Context, cursor uint64, match string, count int64) *redis.ScanCmd
}

// node returns the node of an address, or the one behind it, and the address of the next one. Without a cluster
// there is one, without an address.
func (t *target) node(ctx context.Context, address string) (node scanner, at, after string, err error) {
	if t.cluster == nil {
		return t.client, "", "", nil
	}
	var mu sync.Mutex
	masters := make(map[string]*redis.Client)
	err = t.cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		masters[c.Options().Addr] = c
		return nil
	})
	if err != nil {
		return nil, "", "", err
	}
	var addresses []string
	for a := range masters {
		if a >= address {
			addresses = append(addresses, a)
		}
	}
	if len(addresses) == 0 {
		return nil, "", "", nil
	}
	slices.Sort(addresses)
	if len(addresses) > 1 {
		after = addresses[1]
	}
	return masters[addresses[0]], addresses[0], after, nil
}

// pattern returns a pattern that the sets under a prefix match.
func pattern(prefix string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `^`, `\^`).Replace(prefix) + ":big_segment_[ei][nx]clude:*"
}

// Define implements [sink.Target].
func (t *target) Define(ctx context.Context, definitions []segment.Definition, whole bool) error {
	return t.during(ctx, "write definitions to", func() error {
		for _, kind := range []segment.DefinitionKind{segment.SegmentDefinition, segment.FlagDefinition} { // flags refer to segments
			if err := t.define(ctx, kind, definitions, whole); err != nil {
				return err
			}
		}
		if !whole {
			return nil
		}
		return t.client.Set(ctx, t.prefix+":$inited", "", 0).Err()
	})
}

// maxDefined is how many bytes of definitions are sent at once.
const maxDefined = 1 << 20

func (t *target) define(ctx context.Context, kind segment.DefinitionKind, definitions []segment.Definition, whole bool) error {
	key := t.prefix + ":features"
	if kind == segment.SegmentDefinition {
		key = t.prefix + ":segments"
	}
	kept := make(map[string]bool)
	var put []any
	var gone []string
	size := 0
	send := func() error {
		pipe := t.client.Pipeline()
		if len(put) > 0 {
			pipe.HSet(ctx, key, put...)
		}
		if len(gone) > 0 {
			pipe.HDel(ctx, key, gone...)
		}
		n := len(put) + len(gone)
		put, gone, size = nil, nil, 0
		if n == 0 {
			return nil
		}
		_, err := pipe.Exec(ctx)
		return err
	}
	for _, d := range definitions {
		switch {
		case d.Kind != kind:
			continue
		case d.JSON == nil:
			gone = append(gone, d.Key)
		default:
			kept[d.Key] = true
			put = append(put, d.Key, d.JSON)
		}
		if size += len(d.Key) + len(d.JSON); size >= maxDefined {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if whole {
		there, err := t.client.HKeys(ctx, key).Result()
		if err != nil {
			return err
		}
		for _, name := range there {
			if !kept[name] {
				gone = append(gone, name)
			}
		}
	}
	return send()
}

// Check implements [sink.Target].
func (t *target) Check(ctx context.Context) (notes []string, err error) {
	err = t.during(ctx, "try", func() error {
		steps := []func() error{
			func() error { return t.client.SAdd(ctx, t.probe, "probe").Err() },
			func() error { return t.client.SMembers(ctx, t.probe).Err() },
			func() error { return t.client.SRem(ctx, t.probe, "probe").Err() },
			func() error {
				return t.client.Watch(ctx, func(tx *redis.Tx) error {
					return transact(ctx, tx, func(pipe redis.Pipeliner) { pipe.Set(ctx, t.probe, "probe", 0) })
				}, t.probe)
			},
			func() error { return t.client.Get(ctx, t.probe).Err() },
			func() error { return t.client.Del(ctx, t.probe).Err() },
			func() error { return t.client.HKeys(ctx, t.prefix+":features").Err() },
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = t.during(ctx, "scan", func() error {
		node, _, _, err := t.node(ctx, "")
		if err != nil || node == nil {
			return err
		}
		return node.Scan(ctx, 0, pattern(t.prefix), 1).Err()
	})
	if isDenied(err) {
		notes = append(notes, "the user may not SCAN, so that muster can neither verify the whole store nor remove what doesn't belong there; everything else works")
	} else if err != nil {
		return nil, err
	}
	text, err := t.client.Info(ctx, "memory").Result()
	if err != nil {
		return append(notes, "the user may not ask for INFO, so that muster can't tell whether the store throws keys away when it is full"), nil
	}
	if policy, most := infoField(text, "maxmemory_policy"), infoField(text, "maxmemory"); policy != "noeviction" && most != "0" && policy != "" {
		notes = append(notes, fmt.Sprintf("the store throws keys away when it is full (maxmemory-policy %s), members among them; set noeviction, so that muster notices", policy))
	}
	if t.plugs.tls == nil {
		notes = append(notes, "connections are not encrypted; set tlsEnabled if others can listen")
	}
	return notes, nil
}

// infoField returns a field of a reply to INFO.
func infoField(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
