package resp

import (
	"slices"
	"strconv"
	"strings"
)

// The version that clients are told: new enough for RESP3 and CLIENT SETINFO.
const redisVersion = "7.2.0"

const (
	databases   = 16
	maxChannels = 64
	maxName     = 256 // bytes of a connection's or channel's name
)

func (c *conn) auth(args [][]byte) {
	if c.authenticate(args[len(args)-1]) {
		c.status("OK")
	}
}

func (c *conn) hello(args [][]byte) {
	version := c.version
	if len(args) > 0 {
		n, err := strconv.Atoi(string(args[0]))
		switch {
		case err != nil:
			c.fail("ERR Protocol version is not an integer or out of range")
			return
		case n != 2 && n != 3:
			c.fail("NOPROTO unsupported protocol version")
			return
		}
		version, args = n, args[1:]
	}
	name := c.name
	for len(args) > 0 {
		switch option := args[0]; {
		case is(option, "AUTH") && len(args) >= 3:
			if !c.authenticate(args[2]) {
				return
			}
			args = args[3:]
		case is(option, "SETNAME") && len(args) >= 2:
			if !validName(args[1]) {
				c.fail(badName)
				return
			}
			name, args = string(args[1]), args[2:]
		default:
			c.fail("ERR Syntax error in HELLO option '" + quote(option) + "'")
			return
		}
	}
	if c.stranger() {
		c.fail("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH " +
			"<user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	c.version, c.name = version, name
	c.greet()
}

func (c *conn) greet() {
	c.pairs(7)
	c.text("server")
	c.text("redis")
	c.text("version")
	c.text(redisVersion)
	c.text("proto")
	c.integer(int64(c.version))
	c.text("id")
	c.integer(c.id)
	c.text("mode")
	c.text("standalone")
	c.text("role")
	c.text("master")
	c.text("modules")
	c.array(0)
}

func (c *conn) quit([][]byte) {
	c.closing = true
	c.status("OK")
}

func (c *conn) reset([][]byte) {
	c.server.unbind(c)
	c.sdkKey, c.env, c.name, c.channels = "", nil, "", nil
	c.version = 2
	c.status("RESET")
}

func (c *conn) ping(args [][]byte) {
	subscribed := c.version == 2 && len(c.channels) > 0
	switch {
	case subscribed && len(args) == 0:
		c.array(2)
		c.text("pong")
		c.text("")
	case subscribed:
		c.array(2)
		c.text("pong")
		c.bulk(args[0])
	case len(args) == 0:
		c.status("PONG")
	default:
		c.bulk(args[0])
	}
}

func (c *conn) echo(args [][]byte) { c.bulk(args[0]) }

func (c *conn) selectDB(args [][]byte) {
	n, err := strconv.Atoi(string(args[0]))
	switch {
	case err != nil:
		c.fail("ERR value is not an integer or out of range")
	case n < 0 || n >= databases:
		c.fail("ERR DB index is out of range")
	default:
		c.status("OK")
	}
}

const badName = "ERR Client names cannot contain spaces, newlines or special characters."

func validName(name []byte) bool {
	return len(name) <= maxName && !slices.ContainsFunc(name, func(b byte) bool { return b < '!' || b > '~' })
}

func (c *conn) client(args [][]byte) {
	upperCase(args[0])
	switch string(args[0]) {
	case "SETNAME":
		switch {
		case len(args) != 2:
			c.wrongArguments("CLIENT|SETNAME")
		case !validName(args[1]):
			c.fail(badName)
		default:
			c.name = string(args[1])
			c.status("OK")
		}
	case "SETINFO", "NO-EVICT", "NO-TOUCH":
		c.status("OK")
	case "ID":
		c.integer(c.id)
	case "GETNAME":
		if c.name == "" {
			c.null()
			return
		}
		c.text(c.name)
	default:
		c.unknownSubcommand("CLIENT", args[0])
	}
}

// config tells the one setting that matters to clients.
func (c *conn) config(args [][]byte) {
	if !is(args[0], "GET") {
		c.unknownSubcommand("CONFIG", args[0])
		return
	}
	if !slices.ContainsFunc(args[1:], func(name []byte) bool { return is(name, "databases") }) {
		c.pairs(0)
		return
	}
	c.pairs(1)
	c.text("databases")
	c.text(strconv.Itoa(databases))
}

// cluster tells clients that this is no cluster.
func (c *conn) cluster([][]byte) { c.fail("ERR This instance has cluster support disabled") }

// command tells redis-cli that there is no documentation of commands.
func (c *conn) command(args [][]byte) {
	if len(args) > 0 && is(args[0], "DOCS") {
		c.pairs(0)
		return
	}
	c.array(0)
}

// infoSections holds what INFO says: ioredis waits until loading is 0 and gives up on an error.
var infoSections = []struct{ name, text string }{
	{"server", "# Server\r\nredis_version:" + redisVersion + "\r\nredis_mode:standalone\r\n"},
	{"persistence", "# Persistence\r\nloading:0\r\n"},
	{"replication", "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"},
	{"cluster", "# Cluster\r\ncluster_enabled:0\r\n"},
}

func (c *conn) info(args [][]byte) {
	var b strings.Builder
	for _, section := range infoSections {
		if len(args) > 0 && !slices.ContainsFunc(args, func(arg []byte) bool { return asksFor(arg, section.name) }) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(section.text)
	}
	c.text(b.String())
}

func asksFor(arg []byte, section string) bool {
	return is(arg, section) || is(arg, "all") || is(arg, "default") || is(arg, "everything")
}

// is compares a word of a client, which comes in any case.
func is(arg []byte, word string) bool { return strings.EqualFold(string(arg), word) }

// subscribe accepts channels on which nothing is ever said: StackExchange.Redis keeps a second
// connection for them.
func (c *conn) subscribe(args [][]byte) {
	for _, arg := range args {
		channel := string(arg)
		if !slices.Contains(c.channels, channel) {
			if len(c.channels) == maxChannels || len(channel) > maxName {
				c.fail("ERR too many channels, or too long a name")
				return
			}
			c.channels = append(c.channels, channel)
		}
		c.push(3)
		c.text("subscribe")
		c.text(channel)
		c.integer(int64(len(c.channels)))
	}
}

func (c *conn) unsubscribe(args [][]byte) {
	if len(args) == 0 {
		for _, channel := range c.channels {
			args = append(args, []byte(channel))
		}
	}
	if len(args) == 0 {
		c.push(3)
		c.text("unsubscribe")
		c.null()
		c.integer(0)
		return
	}
	for _, arg := range args {
		c.channels = slices.DeleteFunc(c.channels, func(channel string) bool { return channel == string(arg) })
		c.push(3)
		c.text("unsubscribe")
		c.bulk(arg)
		c.integer(int64(len(c.channels)))
	}
}
