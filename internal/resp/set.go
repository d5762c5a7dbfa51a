package resp

import (
	"slices"

	"muster/internal/segment"
)

func (c *conn) smembers(args [][]byte) {
	if v, ok := c.find(args[0], aSet); ok {
		c.refs(v.refs)
	}
}

func (c *conn) sismember(args [][]byte) {
	v, ok := c.find(args[0], aSet)
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
	if v, ok := c.find(args[0], aSet); ok {
		c.integer(int64(len(v.refs)))
	}
}
