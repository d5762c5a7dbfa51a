package pebblestore

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"muster/internal/segment"
)

func TestLogKeysSortByRevisionInsideAnEnvironment(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func() (segment.EnvID, segment.Revision, []byte) {
			env := segment.EnvID(rapid.StringN(0, 30, maxEnvBytes).Draw(rt, "env"))
			rev := segment.Revision(rapid.Uint64().Draw(rt, "revision"))
			return env, rev, logKey(env, rev)
		}
		env1, rev1, key1 := draw()
		env2, rev2, key2 := draw()
		if rapid.Bool().Draw(rt, "same environment") {
			env2, key2 = env1, logKey(env1, rev2)
		}
		if env, rev, err := parseLogKey(key1); env != env1 || rev != rev1 || err != nil {
			rt.Fatalf("key of %q %d reads back as %q %d, %v", env1, rev1, env, rev, err)
		}
		if inside := bytes.HasPrefix(key2, logStart(env1)); inside != (env1 == env2) {
			rt.Fatalf("key %x of %q lies in the log of %q: %t", key2, env2, env1, inside)
		}
		if env1 == env2 && (bytes.Compare(key1, key2) < 0) != (rev1 < rev2) {
			rt.Fatalf("keys of %d and %d are out of order", rev1, rev2)
		}
	})
}

func FuzzParseLogKey(f *testing.F) {
	f.Add(logKey("env", 1))
	f.Add([]byte{logPrefix})
	f.Add([]byte{logPrefix, 255, 0})
	f.Fuzz(func(t *testing.T, key []byte) {
		env, rev, err := parseLogKey(key)
		if err == nil && !bytes.Equal(logKey(env, rev), key) {
			t.Errorf("%x reads as %q %d, whose key is another", key, env, rev)
		}
	})
}

func TestPrefixEndBoundsEveryKeyWithThePrefix(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		prefix := rowKey(7, rapid.SliceOf(rapid.Byte()).Draw(rt, "prefix"))
		other := rowKey(7, rapid.SliceOf(rapid.Byte()).Draw(rt, "other"))
		end := prefixEnd(prefix)
		inside := bytes.Compare(other, prefix) >= 0 && bytes.Compare(other, end) < 0
		if inside != bytes.HasPrefix(other, prefix) {
			rt.Fatalf("%x in [%x, %x): %t", other, prefix, end, inside)
		}
	})
}
