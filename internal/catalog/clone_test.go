package catalog

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
)

func TestCloneSharesNothing(t *testing.T) {
	tests := []struct {
		name  string
		value any
		clone func(any) any
	}{
		{"a project", &Project{}, func(v any) any { return v.(*Project).Clone() }},
		{"an environment", &Environment{}, func(v any) any { return v.(*Environment).Clone() }},
		{"a segment", &Segment{}, func(v any) any { return v.(*Segment).Clone() }},
		{"a flag", &Flag{}, func(v any) any { return v.(*Flag).Clone() }},
		{"a token", &Token{}, func(v any) any { return v.(*Token).Clone() }},
		{"a role", &Role{}, func(v any) any { return v.(*Role).Clone() }},
		{"a webhook", &Webhook{}, func(v any) any { return v.(*Webhook).Clone() }},
		{"an account member", &Member{}, func(v any) any { return v.(*Member).Clone() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			scribble(reflect.ValueOf(tt.value).Elem(), 1)
			before := dump(t, tt.value)
			clone := tt.clone(tt.value)
			if got := dump(t, clone); got != before {
				t.Fatalf("the clone differs:\n%s\n%s", before, got)
			}
			scribble(reflect.ValueOf(clone).Elem(), 2)
			if got := dump(t, clone); got == before {
				t.Fatal("the clone was not changed; the test tests nothing")
			}
			if got := dump(t, tt.value); got != before {
				t.Errorf("changing the clone changed the original:\n%s\n%s", before, got)
			}
		})
	}
}

func TestCloneOfNothingIsNothing(t *testing.T) {
	s := (&Segment{}).Clone()
	if s.Included != nil || s.Rules != nil || s.Source != nil {
		t.Errorf("got %+v", s)
	}
	f := (&Flag{}).Clone()
	if f.Environments != nil || f.CustomProperties != nil || f.Variations != nil {
		t.Errorf("got %+v", f)
	}
}

func dump(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// scribble overwrites every field that v reaches, in place where something is there already.
func scribble(v reflect.Value, n int) {
	switch {
	case v.Type() == reflect.TypeFor[ldvalue.Value]():
		v.Set(reflect.ValueOf(ldvalue.Int(n)))
		return
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(int64(n), 0)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(string(rune('a' + n)))
	case reflect.Bool:
		v.SetBool(n == 1)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Float64:
		v.SetFloat(float64(n))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(n))
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		scribble(v.Elem(), n)
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		}
		for i := range v.Len() {
			scribble(v.Index(i), n)
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.SetString("key")
		if old := v.MapIndex(key); old.IsValid() {
			value.Set(old)
		}
		scribble(value, n)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for _, field := range v.Fields() {
			scribble(field, n)
		}
	default:
		panic("scribble: " + v.Kind().String())
	}
}
