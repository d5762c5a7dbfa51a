package admin

import "testing"

func FuzzParseSDKDocument(f *testing.F) {
	f.Add([]byte(`{"flags":{"a":{"key":"a","version":1,"variations":[true],"fallthrough":{"variation":0}}},"segments":{"s":{"key":"s","included":["u"]}}}`))
	f.Add([]byte(`{"flags":{"a":null},"segments":null}`))
	f.Add([]byte(`{"flags":[],"segments":{"s":{"key":"t"}}}`))
	f.Add([]byte(`{"flags":{"":{"key":""}}} trailing`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		flags, segments, err := parseSDKDocument(data, "test")
		if err != nil {
			return
		}
		for _, flag := range flags {
			flag.Normalize()
			_ = flag.Validate()
		}
		for _, s := range segments {
			s.Normalize()
			_ = s.Validate()
		}
	})
}
