package sdk

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"muster/internal/fault"
)

// takeEvents receives a body of analytics or diagnostic events. It is read to its end, counted and
// dropped. The Date of the answer matters: SDKs take it for the server's clock.
func (c *call) takeEvents() error {
	limit := c.h.o.MaxEvents
	tooLarge := fault.TooLargef("the events are larger than %d bytes", limit)
	var body io.Reader = http.MaxBytesReader(c.w, c.r.Body, limit)
	if strings.EqualFold(c.r.Header.Get("Content-Encoding"), "gzip") {
		plain, err := gzip.NewReader(body)
		if err != nil {
			return fault.Invalidf("the body is not gzip, although Content-Encoding says so").Because(err)
		}
		defer func() { _ = plain.Close() }() // the bytes come from memory
		body = io.LimitReader(plain, limit+1)
	}
	n, err := io.Copy(io.Discard, body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large) || n > limit:
		return tooLarge
	case err != nil:
		return fault.Invalidf("the events can't be read to their end").Because(err)
	case n == 0:
		return fault.Invalidf("the body is empty")
	}
	c.counted(n)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

func (c *call) counted(n int64) {
	c.h.events.Add(1)
	c.h.eventsBytes.Add(uint64(n))
}

// pixel is a transparent GIF of one pixel.
var pixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01D\x00;")

// takeImage receives events from browsers that can only ask for an image.
func (c *call) takeImage() error {
	c.counted(int64(len(c.r.URL.Query().Get("d"))))
	h := c.w.Header()
	h.Set("Content-Type", "image/gif")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(pixel)))
	_, _ = c.w.Write(pixel) // an error here means that the client is gone
	return nil
}
