//go:build !linux

package resp

import (
	"context"
	"sync"
)

// loop is there on Linux alone: elsewhere each connection has its goroutine.
type loop struct{}

type looped struct{}

func (*Server) startLoops(context.Context, *sync.WaitGroup) []*loop { return nil }

func (*loop) add(*conn) bool { return false }

func (*conn) shutDown() {}
