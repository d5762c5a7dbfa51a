package resp

import (
	"muster/internal/delivery"
	"muster/internal/segment"
)

// field returns one flag or segment of a hash; false if there is none.
func (v content) field(key []byte) (delivery.Item, bool) {
	switch {
	case v.contentKind != aHash:
		return delivery.Item{}, false
	case v.of == segment.FlagDefinition:
		return v.snapshot.Flag(string(key))
	default:
		return v.snapshot.Segment(string(key))
	}
}

func (c *conn) hget(args [][]byte) {
	if v, ok := c.find(args[0], aHash); ok {
		c.field(v, args[1])
	}
}

func (c *conn) hmget(args [][]byte) {
	v, ok := c.find(args[0], aHash)
	if !ok {
		return
	}
	c.array(len(args) - 1)
	for _, key := range args[1:] {
		c.field(v, key)
		c.flushLarge()
	}
}

func (c *conn) field(v content, key []byte) {
	item, ok := v.field(key)
	if !ok {
		c.null()
		return
	}
	c.bulk(item.JSON)
}

func (c *conn) hexists(args [][]byte) {
	if v, ok := c.find(args[0], aHash); ok {
		_, there := v.field(args[1])
		c.truth(there)
	}
}

func (c *conn) hlen(args [][]byte) {
	v, ok := c.find(args[0], aHash)
	switch {
	case !ok:
	case v.contentKind == nothing:
		c.integer(0)
	default:
		c.integer(int64(v.snapshot.Size(v.of)))
	}
}

func (c *conn) hkeys(args [][]byte) {
	v, ok := c.find(args[0], aHash)
	switch {
	case !ok:
	case v.contentKind == nothing:
		c.array(0)
	default:
		c.array(v.snapshot.Size(v.of))
		for key := range v.snapshot.Items(v.of) {
			c.text(key)
			c.flushLarge()
		}
	}
}

// hgetall answers with all flags or segments. What the client takes slowly is not held twice: they are shared with
// everybody who reads them.
func (c *conn) hgetall(args [][]byte) {
	v, ok := c.find(args[0], aHash)
	switch {
	case !ok:
	case v.contentKind == nothing:
		c.pairs(0)
	default:
		c.pairs(v.snapshot.Size(v.of))
		for key, item := range v.snapshot.Items(v.of) {
			c.text(key)
			c.bulk(item.JSON)
			c.flushLarge()
		}
	}
}
