package sdk

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"muster/internal/fault"
	"muster/internal/usage"
)

// maxID is how many bytes of the ids that SDKs send are looked at.
const maxID = 128

// takeEvents receives a body of analytics or diagnostic events and hands it on; the answer waits for
// its bytes and for nothing else. The Date of the answer matters: SDKs take it for the server's clock.
func (c *call) takeEvents() error {
	control := http.NewResponseController(c.w)
	_ = control.SetReadDeadline(time.Now().Add(c.h.o.EventsTimeout)) // not every writer has deadlines
	body := c.h.usage.NewBody(c.env.ID)
	n, err := c.readEvents(body)
	if err != nil {
		body.Discard()
		return err
	}
	_ = control.SetReadDeadline(time.Time{})
	if n == 0 {
		return fault.Invalidf("the body is empty")
	}
	c.h.usage.Take(c.report(c.r.Header.Get("X-LaunchDarkly-Event-Schema")), body)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// eventBufferBytes is how much of a body is read at once.
const eventBufferBytes = 16 << 10

var eventBuffers = sync.Pool{New: func() any { return new([eventBufferBytes]byte) }}

// readEvents copies the body, decompressed, and returns its size.
func (c *call) readEvents(to io.Writer) (int64, error) {
	limit := c.h.o.MaxEvents
	var from io.Reader = http.MaxBytesReader(c.w, c.r.Body, limit)
	if strings.EqualFold(c.r.Header.Get("Content-Encoding"), "gzip") {
		plain, err := gzip.NewReader(from)
		if err != nil {
			return 0, fault.Invalidf("the body is not gzip, although Content-Encoding says so").Because(err)
		}
		defer func() { _ = plain.Close() }() // the bytes come from memory
		from = io.LimitReader(plain, limit+1)
	}
	room := eventBuffers.Get().(*[eventBufferBytes]byte) //nolint:forcetypeassert // nothing else is in it
	defer eventBuffers.Put(room)
	n, err := io.CopyBuffer(to, from, room[:])
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large) || n > limit:
		return n, fault.TooLargef("the events are larger than %d bytes", limit)
	case err != nil:
		return n, fault.Invalidf("the events can't be read to their end").Because(err)
	}
	return n, nil
}

// summarized is the first schema of events in which SDKs count evaluations themselves.
const summarized = 3

// report says who sends events of a schema. Some SDKs that run for one request only leave the counting
// to the receiver, like those of before schema 3.
func (c *call) report(schema string) usage.Report {
	r := usage.Report{Environment: c.env, Payload: c.id("X-LaunchDarkly-Payload-ID"), Instance: c.id("X-LaunchDarkly-Instance-Id")}
	version, _ := strconv.Atoi(schema) // absent in the first ones
	r.Unsummarized = version < summarized || c.r.Header.Get("X-LaunchDarkly-Unsummarized") == "true"
	if name, version := product(c.agent()); version != "" { // others are browsers themselves
		r.SDK = usage.SDK{Name: name, Version: version}
	}
	return r
}

func (c *call) id(header string) string {
	id := c.r.Header.Get(header)
	return id[:min(len(id), maxID)]
}

// pixel is a transparent GIF of one pixel.
var pixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01D\x00;")

// takeImage receives events from browsers that can only ask for an image.
func (c *call) takeImage() error {
	query := c.r.URL.Query()
	body := c.h.usage.NewBody(c.env.ID)
	if plain, err := plainBase64(query.Get("d")); err == nil { // a page shows nobody an error about an image
		_, _ = body.Write(plain) // it never fails
	}
	c.h.usage.Take(c.report(query.Get("v")), body)
	h := c.w.Header()
	h.Set("Content-Type", "image/gif")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(pixel)))
	_, _ = c.w.Write(pixel) // an error here means that the client is gone
	return nil
}
