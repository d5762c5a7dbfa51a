package sdk

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"muster/internal/catalog"
	"muster/internal/delivery"
	"muster/internal/fault"
)

// latestAll answers a server-side SDK that polls.
func (c *call) latestAll() error {
	s, err := c.h.delivery.Current(c.r.Context(), c.env.ID, c.filter())
	if err != nil {
		return ready(err)
	}
	c.polled()
	return c.writePayload(s.Payload())
}

// transferred answers a server-side SDK that polls in the second protocol.
func (c *call) transferred() error {
	s, err := c.h.delivery.Current(c.r.Context(), c.env.ID, c.filter())
	if err != nil {
		return ready(err)
	}
	c.polled()
	return c.writePayload(s.Transfer(c.r.URL.Query().Get("basis")))
}

// writePayload sends what is shared with every SDK that asks the same.
func (c *call) writePayload(p *delivery.Payload) error {
	if c.unchanged(p.ETag) {
		return nil
	}
	if c.acceptsGzip() {
		c.w.Header().Set("Content-Encoding", "gzip")
		return c.writeJSON(p.Gzip()...)
	}
	return c.writeJSON(p.JSON...)
}

// filter returns the payload filter that an SDK names, "" for none.
func (c *call) filter() catalog.FilterKey { return catalog.FilterKey(c.r.URL.Query().Get("filter")) }

// fallBack sends client-side SDKs that try the second protocol back to the first one.
func (c *call) fallBack() error {
	c.w.Header().Set("X-LD-FD-Fallback", "true")
	return fault.NotFoundf("this server speaks the first protocol only to client-side SDKs: poll /sdk/evalx or /msdk/evalx, or stream /eval or /meval")
}

// flags answers the PHP SDK, which polls at every page view.
func (c *call) flags() error {
	s, err := c.h.delivery.Current(c.r.Context(), c.env.ID, "")
	if err != nil {
		return ready(err)
	}
	c.polled()
	return c.writePayload(s.Flags())
}

func (c *call) flag() error {
	return c.item((*delivery.Snapshot).Flag)
}

func (c *call) segment() error {
	return c.item((*delivery.Snapshot).Segment)
}

// item answers the PHP SDK with one flag or segment. Here 404 says only that there is none.
func (c *call) item(find func(*delivery.Snapshot, string) (delivery.Item, bool)) error {
	s, err := c.h.delivery.Current(c.r.Context(), c.env.ID, "")
	if err != nil {
		return ready(err)
	}
	it, ok := find(s, c.params[keyParam])
	if !ok {
		return fault.NotFoundf("there is no %q", shortened(c.params[keyParam]))
	}
	if c.unchanged(`"muster-` + strconv.Itoa(it.Version) + `"`) {
		return nil
	}
	return c.writeCompressed(it.JSON)
}

// evaluated answers a client-side SDK that polls.
func evaluated(to delivery.Receiver) func(*call) error {
	return func(c *call) error {
		req, err := c.request(to)
		if err != nil {
			return err
		}
		res, err := c.h.delivery.Evaluate(c.r.Context(), c.env.ID, req)
		if err != nil {
			return ready(err)
		}
		c.polled()
		if c.unchanged(res.ETag) {
			return nil
		}
		return c.writeCompressed(res.JSON)
	}
}

// goals answers the browser SDK, which asks for the pages and clicks to watch: there are none.
func (c *call) goals() error {
	c.w.Header().Set("Cache-Control", "no-cache")
	return c.writeJSON([]byte("[]"))
}

// ready turns an error of delivery into one for a client whose credential was good a moment ago.
func ready(err error) error {
	if fault.KindOf(err) == fault.Unavailable {
		return err
	}
	if f := fault.From(err); f.Kind == fault.NotFound && !errors.Is(err, delivery.ErrNoFilter) {
		// The environment was deleted since; the next attempt finds out by its credential.
		return fault.Unavailablef("the environment is going away").Because(err)
	}
	return err
}

// What many answers say, as net/http keeps headers. They are never changed.
var (
	noCache = []string{"no-cache"}
	isJSON  = []string{"application/json"}
)

// unchanged sends the headers of a cacheable answer and reports whether the client already has it,
// in which case it was told so. SDKs must ask every time, so the answer never counts as fresh.
func (c *call) unchanged(etag string) bool {
	h := c.w.Header()
	h["Etag"] = []string{etag} // as net/http spells it
	h["Cache-Control"] = noCache
	known := c.r.Header.Get("If-None-Match")
	if known == "" {
		return false
	}
	for held := range strings.SplitSeq(known, ",") {
		held = strings.TrimPrefix(strings.TrimSpace(held), "W/")
		if held == etag || held == "*" {
			c.w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

func (c *call) acceptsGzip() bool {
	c.w.Header().Add("Vary", "Accept-Encoding")
	for part := range strings.SplitSeq(c.r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q := strings.TrimLeft(strings.ReplaceAll(weight, " ", ""), "q=")
			n, err := strconv.ParseFloat(q, 64)
			return err != nil || n > 0
		}
	}
	return false
}

// worthCompressing is the least size for which compression pays.
const worthCompressing = 1 << 10

var zippers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
	return w
}}

// writeCompressed sends JSON, compressed if that is possible and worth it.
func (c *call) writeCompressed(body []byte) error {
	if !c.acceptsGzip() || len(body) < worthCompressing {
		return c.writeJSON(body)
	}
	c.w.Header().Set("Content-Encoding", "gzip")
	c.w.Header().Set("Content-Type", "application/json")
	w, out := zippers.Get().(*gzip.Writer), newShared(c)
	defer zippers.Put(w)
	w.Reset(out)
	_, _ = w.Write(body) // an error here means that the client is gone
	if w.Close() == nil {
		_ = out.flush() // likewise
	}
	return nil
}

// writeJSON sends a body that is given in pieces.
func (c *call) writeJSON(body ...[]byte) error {
	size := 0
	for _, piece := range body {
		size += len(piece)
	}
	h := c.w.Header()
	h["Content-Type"] = isJSON
	h["Content-Length"] = []string{strconv.Itoa(size)}
	out := newShared(c)
	for _, piece := range body {
		if out.send(piece) != nil {
			return nil // the client is gone, or takes nothing
		}
	}
	_ = out.flush() // likewise
	return nil
}
