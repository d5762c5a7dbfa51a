package redissink

import (
	"context"
	"encoding/base64"

	"github.com/redis/go-redis/v9"

	"muster/internal/segment"
	"muster/internal/store"
)

// sheet is the commands of a batch, made once and filled in again and again: a command made anew
// would cost as much as what Redis does with it.
type sheet struct {
	prefix string
	orders []*order
	used   []redis.Cmder
	refs   map[segment.Ref]string
}

// order is one command.
type order struct {
	args []any // name, key, member; shared with the command
	key  []byte
	cmd  *redis.IntCmd
}

const (
	includeKey = ":big_segment_include:"
	excludeKey = ":big_segment_exclude:"
)

func newSheet(prefix string) *sheet {
	return &sheet{prefix: prefix, refs: make(map[segment.Ref]string)}
}

// maxRefTexts is how many texts of refs a sheet keeps.
const maxRefTexts = 1024

// text returns the text of a ref.
func (s *sheet) text(ref segment.Ref) string {
	text, ok := s.refs[ref]
	if !ok {
		if len(s.refs) == maxRefTexts {
			clear(s.refs)
		}
		text = ref.String()
		s.refs[ref] = text
	}
	return text
}

// add adds a command about a set of a context.
func (s *sheet) add(ctx context.Context, name, set string, c *store.RefChange, member any) {
	n := len(s.used)
	if n == len(s.orders) {
		o := &order{key: make([]byte, len(s.prefix)+len(includeKey)+base64.StdEncoding.EncodedLen(len(c.Hash)))}
		copy(o.key, s.prefix)
		o.args = []any{nil, o.key, nil}
		o.cmd = redis.NewIntCmd(ctx, o.args...)
		s.orders = append(s.orders, o)
	}
	o := s.orders[n]
	copy(o.key[len(s.prefix):], set)
	base64.StdEncoding.Encode(o.key[len(s.prefix)+len(includeKey):], c.Hash[:])
	o.args[0], o.args[2] = name, member
	o.cmd.SetErr(nil)
	s.used = append(s.used, o.cmd)
}

// fill makes commands of changes.
func (s *sheet) fill(ctx context.Context, changes []store.RefChange) {
	s.used = s.used[:0]
	var ref segment.Ref
	var member any
	for i := range changes {
		c := &changes[i]
		if member == nil || c.Ref != ref {
			ref = c.Ref
			member = s.text(ref)
		}
		switch {
		case c.Ops&segment.Include != 0:
			s.add(ctx, "sadd", includeKey, c, member)
		case c.Ops&segment.Uninclude != 0:
			s.add(ctx, "srem", includeKey, c, member)
		}
		switch {
		case c.Ops&segment.Exclude != 0:
			s.add(ctx, "sadd", excludeKey, c, member)
		case c.Ops&segment.Unexclude != 0:
			s.add(ctx, "srem", excludeKey, c, member)
		}
	}
}

// Apply implements [sink.Target].
func (t *target) Apply(ctx context.Context, changes []store.RefChange) error {
	s := t.sheets.Get().(*sheet)
	err := t.during(ctx, "write to", func() error {
		s.fill(ctx, changes)
		if len(s.used) == 0 {
			return nil
		}
		pipe := t.client.Pipeline()
		if err := pipe.BatchProcess(ctx, s.used...); err != nil {
			return err
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err == nil {
		// After an error the client may still hold the commands.
		t.sheets.Put(s)
	}
	return err
}
