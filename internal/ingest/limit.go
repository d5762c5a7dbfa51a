package ingest

import (
	"io"

	"muster/internal/connector/list"
	"muster/internal/fault"
)

// inflate returns the list that a body holds, which ends with a fault of kind TooLarge beyond the
// limit of the import: what is compressed can be a thousand times smaller than what it becomes on
// disk.
func (im Import) inflate(body io.Reader) (inflated io.Reader, free func(), err error) {
	inflated, free, err = list.Inflate(body, im.Encoding)
	if err != nil || im.Limit == 0 {
		return inflated, free, err
	}
	return &limited{r: inflated, left: im.Limit, limit: im.Limit}, free, nil
}

// limited is a reader that fails when more than limit bytes come.
type limited struct {
	r           io.Reader
	left, limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fault.TooLargef("the list is larger than %d bytes when it is decompressed, the most that is taken (--max-import)", l.limit)
	}
	return n, err
}
