package storetest

import (
	"reflect"
	"time"
)

var timeType = reflect.TypeFor[time.Time]()

// same reports whether two values hold the same, an empty list or map being the same as none. It
// answers in a small part of the time that cmp needs to explain a difference.
func same(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return false
	}
	if !a.IsValid() {
		return true
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		return a.IsNil() == b.IsNil() && (a.IsNil() || same(a.Elem(), b.Elem()))
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for _, k := range a.MapKeys() {
			if !same(a.MapIndex(k), b.MapIndex(k)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		return sameStruct(a, b)
	default:
		return a.Equal(b)
	}
}

func sameStruct(a, b reflect.Value) bool {
	if a.Type() == timeType && a.CanInterface() {
		at, _ := reflect.TypeAssert[time.Time](a)
		bt, _ := reflect.TypeAssert[time.Time](b)
		return at.Equal(bt)
	}
	for i := range a.NumField() {
		if !same(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return true
}
