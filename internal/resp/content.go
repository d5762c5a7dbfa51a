package resp

import (
	"strconv"

	"muster/internal/delivery"
	"muster/internal/fault"
	"muster/internal/segment"
)

// contentKind is the type of what a key holds, in Redis's words.
type contentKind uint8

const (
	nothing contentKind = iota
	aString
	aSet
	aHash
)

func (k contentKind) String() string { return [...]string{"none", "string", "set", "hash"}[k] }

// content is what a key holds at this moment, valid until the next lookup. A set and a hash that hold nothing aren't there, as in Redis.
type content struct {
	contentKind
	text     string
	refs     []segment.Ref
	snapshot *delivery.Snapshot     // of a hash
	of       segment.DefinitionKind // what the hash has of it
}

const wrongType = "WRONGTYPE Operation against a key holding the wrong kind of value"

// lookup returns what a key holds. When it can't, it answers with the error itself and returns false.
func (c *conn) lookup(name []byte) (content, bool) {
	k := parseKey(string(name))
	if k.kind == otherKey {
		return content{}, true
	}
	env, ok := c.environmentOf(k)
	if !ok {
		c.fail(noAuth)
		return content{}, false
	}
	switch k.kind {
	case syncTimeKey:
		at, known := c.server.source.SynchronizedOn(env)
		if !known {
			return content{}, true
		}
		return content{contentKind: aString, text: strconv.FormatInt(at.UnixMilli(), 10)}, true
	case includedKey, excludedKey:
		var err error
		if c.included, c.excluded, err = c.server.source.Refs(env, k.hash, c.included[:0], c.excluded[:0]); err != nil {
			c.failRead(env, "membership", err)
			return content{}, false
		}
		included := c.included
		if k.kind == excludedKey {
			included = c.excluded
		}
		if len(included) == 0 {
			return content{}, true
		}
		return content{contentKind: aSet, refs: included}, true
	default:
		return c.definitions(env, k.kind)
	}
}

// definitions returns what a key of daemon mode holds.
func (c *conn) definitions(env segment.EnvID, kind keyKind) (content, bool) {
	if !c.mayWait() {
		return content{}, false
	}
	snapshot, err := c.server.source.Current(c.ctx, env, "")
	if err != nil {
		c.failRead(env, "flags", err)
		return content{}, false
	}
	if kind == initedKey {
		return content{contentKind: aString}, true
	}
	of := segment.FlagDefinition
	if kind == segmentsKey {
		of = segment.SegmentDefinition
	}
	if snapshot.Size(of) == 0 {
		return content{}, true
	}
	return content{contentKind: aHash, snapshot: snapshot, of: of}, true
}

func (c *conn) failRead(env segment.EnvID, what string, err error) {
	if fault.KindOf(err) == fault.NotFound { // deleted since the credential was checked
		c.fail(noAuth)
		return
	}
	c.server.log.Error("something not read for a redis client", "what", what, "environment", env, "error", err)
	c.fail("ERR " + what + " can't be read at the moment")
}

// find is lookup of a key that has to be of one type if it is there.
func (c *conn) find(name []byte, kind contentKind) (content, bool) {
	v, ok := c.lookup(name)
	if ok && v.contentKind != nothing && v.contentKind != kind {
		c.fail(wrongType)
		return content{}, false
	}
	return v, ok
}

func (c *conn) get(args [][]byte) {
	if v, ok := c.find(args[0], aString); ok {
		c.value(v)
	}
}

func (c *conn) value(v content) {
	if v.contentKind != aString {
		c.null()
		return
	}
	c.text(v.text)
}

func (c *conn) mget(args [][]byte) {
	before := len(c.out)
	c.array(len(args))
	for _, arg := range args {
		at := len(c.out)
		v, ok := c.lookup(arg)
		if !ok {
			// One error answers the whole command.
			c.out = append(c.out[:before], c.out[at:]...)
			return
		}
		c.value(v)
	}
}

func (c *conn) exists(args [][]byte) {
	n := 0
	for _, arg := range args {
		v, ok := c.lookup(arg)
		if !ok {
			return
		}
		if v.contentKind != nothing {
			n++
		}
	}
	c.integer(int64(n))
}

func (c *conn) keyType(args [][]byte) {
	if v, ok := c.lookup(args[0]); ok {
		c.status(v.String())
	}
}

// ttl says that a key lives for ever, or isn't there.
func (c *conn) ttl(args [][]byte) {
	v, ok := c.lookup(args[0])
	switch {
	case !ok:
	case v.contentKind != nothing:
		c.integer(-1)
	default:
		c.integer(-2)
	}
}
