package store

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"unsafe"
)

// CatchFault turns the fault of a page that the disk can't deliver into an error that wraps
// [ErrCorrupt]; without it, the fault ends the process. Whoever reads the bytes of a [File] defers
// it around the reading, in the goroutine that reads:
//
//	defer store.CatchFault(debug.SetPanicOnFault(true), b, &err)
//
// Any other panic goes on.
func CatchFault(before bool, b []byte, err *error) {
	debug.SetPanicOnFault(before)
	if p := recover(); p != nil {
		if *err = FaultIn(b, p); *err == nil {
			panic(p)
		}
	}
}

// FaultIn returns what it means that reading panicked with p, nil unless that is a fault of b.
func FaultIn(b []byte, p any) error {
	fault, ok := p.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !ok {
		return nil
	}
	offset := fault.Addr() - uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	if offset >= uintptr(len(b)) {
		return nil
	}
	return fmt.Errorf("the disk can't deliver byte %d of %d: %w", offset, len(b), ErrCorrupt)
}
