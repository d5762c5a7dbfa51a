package list_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"muster/internal/connector/list"
	"muster/internal/fault"
)

func gzipped(tb testing.TB, from io.Reader) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	return compressed(tb, &b, z, from)
}

func zstandard(tb testing.TB, from io.Reader, o ...zstd.EOption) []byte {
	tb.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, append(o, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		tb.Fatal(err)
	}
	return compressed(tb, &b, z, from)
}

func compressed(tb testing.TB, b *bytes.Buffer, z io.WriteCloser, from io.Reader) []byte {
	tb.Helper()
	if _, err := io.Copy(z, from); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func text(s string) io.Reader { return strings.NewReader(s) }

func TestBodiesInflate(t *testing.T) {
	long := strings.Repeat("somebody\n", 100_000)
	for name, tt := range map[string]struct {
		encoding string
		body     []byte
		want     string
	}{
		"nothing is undone":       {"", []byte("ann"), "ann"},
		"gzip":                    {"gzip", gzipped(t, text(long)), long},
		"gzip by its older name":  {"X-GZIP ", gzipped(t, text("ann")), "ann"},
		"gzip of nothing":         {"gzip", gzipped(t, text("")), ""},
		"several members of gzip": {"gzip", append(gzipped(t, text("ann\n")), gzipped(t, text("ben\n"))...), "ann\nben\n"},
		"zstd":                    {"zstd", zstandard(t, text(long)), long},
		"zstd of nothing":         {"zstd", zstandard(t, text(""), zstd.WithZeroFrames(true)), ""},
		"several frames of zstd":  {"zstd", append(zstandard(t, text("ann\n")), zstandard(t, text("ben\n"))...), "ann\nben\n"},
		"a window of 8 MiB":       {"zstd", zstandard(t, text(long), zstd.WithWindowSize(8<<20)), long},
	} {
		t.Run(name, func(t *testing.T) {
			r, free, err := list.Inflate(bytes.NewReader(tt.body), tt.encoding)
			if err != nil {
				t.Fatal(err)
			}
			defer free()
			if got, err := io.ReadAll(r); err != nil || string(got) != tt.want {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// inflate returns how many bytes come out of a body, and how that ends.
func inflate(body io.Reader, encoding string) (int64, error) {
	r, free, err := list.Inflate(body, encoding)
	if err != nil {
		return 0, err
	}
	defer free()
	return io.Copy(io.Discard, r)
}

func TestBodiesThatDoNotInflateAreRefused(t *testing.T) {
	whole := map[string][]byte{"gzip": gzipped(t, text(strings.Repeat("ann ben\n", 9999))), "zstd": zstandard(t, text(strings.Repeat("ann ben\n", 9999)))}
	mebibyte := func() io.Reader { return io.LimitReader(new(endless), 1<<20) }
	for name, tt := range map[string]struct {
		encoding string
		body     []byte
		kind     fault.Kind
		says     string
	}{
		"another encoding":       {"br", nil, fault.Invalid, "gzip, zstd or identity"},
		"gzip that is none":      {"gzip", []byte("ann\nben\ncleo\n"), fault.Invalid, "can't be decompressed as gzip"},
		"zstd that is none":      {"zstd", []byte("ann\nben\ncleo\n"), fault.Invalid, "can't be decompressed as zstd"},
		"gzip that is cut":       {"gzip", whole["gzip"][:len(whole["gzip"])/2], fault.Invalid, "ends early"},
		"gzip cut in its head":   {"gzip", whole["gzip"][:5], fault.Invalid, "ends early"},
		"zstd that is cut":       {"zstd", whole["zstd"][:len(whole["zstd"])/2], fault.Invalid, "ends early"},
		"gzip with a wrong sum":  {"gzip", flipped(whole["gzip"], -6), fault.Invalid, "can't be decompressed"},
		"zstd with a wrong sum":  {"zstd", flipped(whole["zstd"], -2), fault.Invalid, "can't be decompressed"},
		"text behind gzip":       {"gzip", append(bytes.Clone(whole["gzip"]), "ann\nben\ncleo\n"...), fault.Invalid, "can't be decompressed"},
		"a window of 2 TiB":      {"zstd", []byte("\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00"), fault.TooLarge, "--long"},
		"a size that is a lie":   {"zstd", []byte("\x28\xb5\x2f\xfd\xc0\x58\x00\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00"), fault.Invalid, "can't be decompressed"},
		"a bomb of many frames":  {"zstd", bytes.Repeat(zstandard(t, mebibyte()), 70), fault.TooLarge, "400 times"},
		"a bomb of many members": {"gzip", bytes.Repeat(gzipped(t, mebibyte()), 70), fault.TooLarge, "400 times"},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := inflate(bytes.NewReader(tt.body), tt.encoding)
			if err == nil || fault.KindOf(err) != tt.kind || !strings.Contains(fault.From(err).Message, tt.says) {
				t.Errorf("after %d bytes: %v", n, err)
			}
			if n > 66<<20 {
				t.Errorf("%d bytes came out", n)
			}
		})
	}
	broken := errors.New("broken")
	for encoding, body := range whole {
		if _, err := inflate(io.MultiReader(bytes.NewReader(body[:20]), failing{broken}), encoding); !errors.Is(err, broken) || fault.KindOf(err) == fault.Invalid {
			t.Errorf("%s of a broken reader: %v", encoding, err)
		}
	}
}

// flipped returns a copy with one bit changed, counted from the end.
func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[len(b)+at] ^= 1
	return b
}
