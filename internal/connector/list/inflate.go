package list

import (
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"muster/internal/fault"
)

// zstdWindow bounds what a frame may make the decoder hold.
const zstdWindow = 8 << 20

// Inflate undoes a content encoding: gzip, zstd or none. free must be called when the reader is not
// used any more.
func Inflate(r io.Reader, encoding string) (inflated io.Reader, free func(), err error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return r, func() {}, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, fault.Invalidf("the body is not gzip, though Content-Encoding says so").Because(err)
		}
		return z, func() { _ = z.Close() }, nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, fault.Invalidf("the body is not zstd, though Content-Encoding says so").Because(err)
		}
		return z, z.Close, nil
	default:
		return nil, nil, fault.New(fault.Invalid, fault.CodeUnsupportedType, "Content-Encoding may be gzip, zstd or identity")
	}
}
