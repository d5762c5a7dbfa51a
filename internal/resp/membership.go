package resp

import (
	"slices"
	"strconv"

	"muster/internal/fault"
	"muster/internal/segment"
)

// content is what a key holds at this moment. One that holds nothing has neither.
type content struct {
	text string
	refs []segment.Ref
}

func (v content) exists() bool { return v.text != "" || len(v.refs) > 0 }

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
	if k.kind == syncTimeKey {
		at, known := c.server.members.SynchronizedOn(env)
		if !known {
			return content{}, true
		}
		return content{text: strconv.FormatInt(at.UnixMilli(), 10)}, true
	}
	included, excluded, err := c.server.members.Refs(env, k.hash)
	if err != nil {
		c.failRead(env, err)
		return content{}, false
	}
	if k.kind == includedKey {
		return content{refs: included}, true
	}
	return content{refs: excluded}, true
}

func (c *conn) failRead(env segment.EnvID, err error) {
	if fault.KindOf(err) == fault.NotFound { // deleted since the credential was checked
		c.fail(noAuth)
		return
	}
	c.server.log.Error("membership not read for a redis client", "environment", env, "error", err)
	c.fail("ERR membership can't be read at the moment")
}

func (c *conn) get(args [][]byte) {
	if v, ok := c.lookup(args[0]); ok {
		c.value(v)
	}
}

func (c *conn) value(v content) {
	if v.text == "" {
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

func (c *conn) smembers(args [][]byte) {
	if v, ok := c.lookup(args[0]); ok {
		c.refs(v.refs)
	}
}

func (c *conn) sismember(args [][]byte) {
	v, ok := c.lookup(args[0])
	if !ok {
		return
	}
	ref, named := segment.ParseRef(string(args[1]))
	c.truth(named && slices.Contains(v.refs, ref))
}

func (c *conn) truth(b bool) {
	if b {
		c.integer(1)
		return
	}
	c.integer(0)
}

func (c *conn) scard(args [][]byte) {
	if v, ok := c.lookup(args[0]); ok {
		c.integer(int64(len(v.refs)))
	}
}

func (c *conn) exists(args [][]byte) {
	n := 0
	for _, arg := range args {
		v, ok := c.lookup(arg)
		if !ok {
			return
		}
		if v.exists() {
			n++
		}
	}
	c.integer(int64(n))
}

func (c *conn) keyType(args [][]byte) {
	v, ok := c.lookup(args[0])
	switch {
	case !ok:
	case v.text != "":
		c.status("string")
	case len(v.refs) > 0:
		c.status("set")
	default:
		c.status("none")
	}
}

// ttl says that a key lives for ever, or isn't there.
func (c *conn) ttl(args [][]byte) {
	v, ok := c.lookup(args[0])
	switch {
	case !ok:
	case v.exists():
		c.integer(-1)
	default:
		c.integer(-2)
	}
}
