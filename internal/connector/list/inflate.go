package list

import (
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"muster/internal/fault"
)

const (
	// zstdWindow bounds what a frame may make the decoder hold.
	zstdWindow = 8 << 20
	// freeBytes may come out of anything; beyond them, maxRatio bytes for each that went in. Keys
	// deflate to a tenth, the same one again and again to a thousandth.
	freeBytes = 64 << 20
	maxRatio  = 400
)

// Limits are those of one list or body.
func Limits() []fault.Limit {
	return []fault.Limit{
		{Name: "maxRowBytes", Value: maxRow},
		{Name: "maxColumn", Value: maxColumn},
		{Name: "maxInflation", Value: maxRatio},
		{Name: "maxZstdWindowBytes", Value: zstdWindow},
	}
}

// Inflate undoes a content encoding: gzip, zstd or none. Memory is bounded whatever the content
// inflates to, so the caller bounds only how much it reads. What the encoding can't hold is a fault
// of kind Invalid, what inflates as no list does one of kind TooLarge; an error of r stays what it is. free must be called when the reader is not used
// any more.
func Inflate(r io.Reader, encoding string) (inflated io.Reader, free func(), err error) {
	encoding = strings.ToLower(strings.TrimSpace(encoding))
	from := &encoded{r: r}
	switch encoding {
	case "", "identity":
		return r, func() {}, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return nil, nil, from.fault(err, encoding)
		}
		return &decoded{z: z, from: from, encoding: encoding}, func() { _ = z.Close() }, nil // it was only read
	case "zstd":
		z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, from.fault(err, encoding)
		}
		return &decoded{z: z, from: from, encoding: encoding}, z.Close, nil
	default:
		return nil, nil, fault.New(fault.Invalid, fault.CodeUnsupportedType, "Content-Encoding may be gzip, zstd or identity")
	}
}

// encoded remembers how the reader under a decoder failed, and how much came out of it.
type encoded struct {
	r    io.Reader
	read int64
	err  error
}

func (e *encoded) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		e.err = err
	}
	return n, err
}

// fault says whose fault an error of the decoder is.
func (e *encoded) fault(err error, encoding string) error {
	switch {
	case e.err != nil:
		return e.err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fault.TooLargef("to decompress the body takes a window of more than %d MiB; compress it without --long and --ultra", zstdWindow>>20).Because(err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Invalidf("the %s body ends early; send all of it", encoding).Because(err)
	}
	return fault.Invalidf("the body can't be decompressed as %s, though Content-Encoding says so", encoding).Because(err)
}

// decoded is what a decoder makes of its input.
type decoded struct {
	z        io.Reader
	from     *encoded
	encoding string
	n        int64
}

func (d *decoded) Read(p []byte) (int, error) {
	n, err := d.z.Read(p)
	d.n += int64(n)
	if d.n > freeBytes && d.n/maxRatio > d.from.read {
		return 0, fault.TooLargef("the body inflates to more than %d times its size, as no list of keys does", maxRatio)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.from.fault(err, d.encoding)
	}
	return n, err
}
