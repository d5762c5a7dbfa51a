package resp

import (
	"strings"
)

// command is one command of the protocol.
type command struct {
	least, most int  // arguments without the name; no upper bound if most is negative
	open        bool // also for those who have not proved who they are
	run         func(c *conn, args [][]byte)
}

var commands = map[string]command{
	"AUTH":         {1, 2, true, (*conn).auth},
	"HELLO":        {0, -1, true, (*conn).hello},
	"QUIT":         {0, -1, true, (*conn).quit},
	"RESET":        {0, 0, true, (*conn).reset},
	"PING":         {0, 1, false, (*conn).ping},
	"ECHO":         {1, 1, false, (*conn).echo},
	"SELECT":       {1, 1, false, (*conn).selectDB},
	"CLIENT":       {1, -1, false, (*conn).client},
	"CONFIG":       {1, -1, false, (*conn).config},
	"CLUSTER":      {0, -1, false, (*conn).cluster},
	"READONLY":     {0, 0, false, (*conn).cluster},
	"COMMAND":      {0, -1, false, (*conn).command},
	"INFO":         {0, -1, false, (*conn).info},
	"SUBSCRIBE":    {1, -1, false, (*conn).subscribe},
	"PSUBSCRIBE":   {1, -1, false, (*conn).subscribe},
	"UNSUBSCRIBE":  {0, -1, false, (*conn).unsubscribe},
	"PUNSUBSCRIBE": {0, -1, false, (*conn).unsubscribe},
	"GET":          {1, 1, false, (*conn).get},
	"MGET":         {1, -1, false, (*conn).mget},
	"SMEMBERS":     {1, 1, false, (*conn).smembers},
	"SISMEMBER":    {2, 2, false, (*conn).sismember},
	"SCARD":        {1, 1, false, (*conn).scard},
	"EXISTS":       {1, -1, false, (*conn).exists},
	"HGET":         {2, 2, false, (*conn).hget},
	"HMGET":        {2, -1, false, (*conn).hmget},
	"HGETALL":      {1, 1, false, (*conn).hgetall},
	"HEXISTS":      {2, 2, false, (*conn).hexists},
	"HLEN":         {1, 1, false, (*conn).hlen},
	"HKEYS":        {1, 1, false, (*conn).hkeys},
	"TYPE":         {1, 1, false, (*conn).keyType},
	"TTL":          {1, 1, false, (*conn).ttl},
	"PTTL":         {1, 1, false, (*conn).ttl},
}

// writes are the commands that would change something.
var writes = func() map[string]bool {
	all := map[string]bool{}
	for name := range strings.FieldsSeq(`
		APPEND BITFIELD BITOP BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN COPY DECR DECRBY
		DEL EXPIRE EXPIREAT FLUSHALL FLUSHDB GEOADD GETDEL GETEX GETSET HDEL HINCRBY HINCRBYFLOAT HMSET HSET
		HSETNX INCR INCRBY INCRBYFLOAT LINSERT LMOVE LMPOP LPOP LPUSH LPUSHX LREM LSET LTRIM MIGRATE MOVE
		MSET MSETNX PERSIST PEXPIRE PEXPIREAT PFADD PFMERGE PSETEX RENAME RENAMENX RESTORE RPOP RPOPLPUSH
		RPUSH RPUSHX SADD SDIFFSTORE SET SETBIT SETEX SETNX SETRANGE SINTERSTORE SMOVE SORT SPOP SREM
		SUNIONSTORE SWAPDB UNLINK XACK XADD XDEL XTRIM ZADD ZINCRBY ZMPOP ZPOPMAX ZPOPMIN ZREM`) {
		all[name] = true
	}
	return all
}()

const noAuth = "NOAUTH Authentication required."

// execute answers one command, if it is not an empty one.
func (c *conn) execute(args [][]byte) {
	c.waits = false
	if len(args) == 0 {
		return
	}
	name, args := args[0], args[1:]
	upperCase(name)
	cmd, known := commands[string(name)]
	if c.recheck(); !cmd.open && c.stranger() {
		c.fail(noAuth)
		return
	}
	switch {
	case !known && writes[string(name)]:
		c.fail("READONLY You can't write against a read only replica.")
	case !known:
		c.unknown(name, args)
	case len(args) < cmd.least || cmd.most >= 0 && len(args) > cmd.most:
		c.wrongArguments(string(name))
	case c.version == 2 && len(c.channels) > 0 && !duringSubscription(string(name)):
		c.fail("ERR Can't execute '" + strings.ToLower(string(name)) +
			"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
	default:
		cmd.run(c, args)
	}
}

// upperCase puts a name into upper case where it stands; words come in any case.
func upperCase(name []byte) {
	for i, b := range name {
		if 'a' <= b && b <= 'z' {
			name[i] = b - 'a' + 'A'
		}
	}
}

func duringSubscription(name string) bool {
	switch name {
	case "SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "PING", "QUIT", "RESET":
		return true
	}
	return false
}

func (c *conn) unknown(name []byte, args [][]byte) {
	const shown = 8
	var b strings.Builder
	b.WriteString("ERR unknown command '" + quote(name) + "', with args beginning with: ")
	for _, arg := range args[:min(len(args), shown)] {
		b.WriteString("'" + quote(arg) + "' ")
	}
	c.fail(b.String())
}

func (c *conn) wrongArguments(name string) {
	c.fail("ERR wrong number of arguments for '" + strings.ToLower(name) + "' command")
}

func (c *conn) unknownSubcommand(of string, sub []byte) {
	c.fail("ERR unknown subcommand '" + quote(sub) + "'. Try " + of + " HELP.")
}
