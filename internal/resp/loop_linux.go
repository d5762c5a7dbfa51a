package resp

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	loopEvents    = 128
	loopReadBytes = 64 << 10
	// loopTick is how often a loop looks for connections that have been silent for too long.
	loopTick = time.Second
)

// loop waits for many connections in one thread, as Redis does, and answers what can be answered at once.
// Whatever needs time is left to a goroutine: a command that has to wait, half a command, answers that a
// client doesn't take. The reasons are in docs/adr/0016.
type loop struct {
	server *Server
	serve  func(*conn) // begins a goroutine
	epoll  int
	wake   int // becomes readable when the server stops
	now    time.Time
	in     []byte
	heard  []*conn  // those of a turn that get answers
	spare  [][]byte // room for answers

	mu    sync.Mutex
	conns map[int]*conn // by descriptor
	ended bool          // takes no more of them
}

// looped is what a connection is in its loop.
type looped struct {
	fd    int       // under Server.mu, like socket
	said  time.Time // when the client last said something
	whole bool      // nothing of that is left to a goroutine
}

// startLoops returns loops that run until ctx ends, one for two processors: with fewer of them more
// connections are found ready at a time, which costs less for each.
func (s *Server) startLoops(ctx context.Context, open *sync.WaitGroup) []*loop {
	loops := make([]*loop, 0, max(1, s.processors/2))
	for range cap(loops) {
		l, err := newLoop(s)
		if err != nil {
			s.log.Warn("redis connections are served by a goroutine each", "error", err)
			break
		}
		l.serve = func(c *conn) { open.Go(func() { s.attend(ctx, c) }) }
		open.Go(func() {
			defer l.close()
			defer context.AfterFunc(ctx, l.stop)()
			l.run()
		})
		loops = append(loops, l)
	}
	return loops
}

func newLoop(s *Server) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	l := &loop{server: s, epoll: epoll, wake: wake, in: make([]byte, loopReadBytes), conns: make(map[int]*conn)}
	if err := l.watch(wake); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loop) watch(fd int) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}))
}

func (l *loop) stop() { _, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (l *loop) close() {
	_ = unix.Close(l.wake)
	_ = unix.Close(l.epoll)
}

// add takes a connection out of Go's own loop, which would be woken by each of its commands as well.
func (l *loop) add(c *conn) bool {
	raw, err := c.socket.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	fd, failed := -1, error(nil)
	if err := raw.Control(func(own uintptr) { fd, failed = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); err != nil || failed != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.watch(fd) != nil {
		_ = unix.Close(fd)
		return false
	}
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	_ = c.socket.Close()
	c.socket, c.fd, c.said = nil, fd, time.Now()
	l.conns[fd] = c
	return true
}

// remove takes a connection out of the loop.
func (l *loop) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c.fd)
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, c.fd, nil)
}

// hangUp ends a connection.
func (l *loop) hangUp(c *conn) {
	l.remove(c)
	l.server.mu.Lock()
	_ = unix.Close(c.fd)
	c.fd = -1
	l.server.mu.Unlock()
	l.forget(c)
}

// forget gives back what a connection held that is closed.
func (l *loop) forget(c *conn) {
	l.server.unbind(c)
	<-l.server.slots
}

// shutDown ends a connection that is in its loop from outside. The caller holds Server.mu.
func (c *conn) shutDown() { _ = unix.Shutdown(c.fd, unix.SHUT_RDWR) }

func (l *loop) run() {
	events := make([]unix.EpollEvent, loopEvents)
	ticked := time.Now()
	for {
		n, err := unix.EpollWait(l.epoll, events, int(loopTick/time.Millisecond))
		if err != nil && !errors.Is(err, unix.EINTR) {
			l.server.log.Error("redis connections are served by a goroutine each from now on", "error", os.NewSyscallError("epoll_wait", err))
			l.end(l.leave)
			return
		}
		l.now = time.Now()
		heard, stopping := l.heard[:0], false
		for _, event := range events[:max(n, 0)] {
			if int(event.Fd) == l.wake {
				stopping = true
				continue
			}
			l.mu.Lock()
			c := l.conns[int(event.Fd)]
			l.mu.Unlock()
			if l.hear(c) {
				heard = append(heard, c)
			}
		}
		for _, c := range heard {
			l.tell(c)
		}
		clear(heard)
		l.heard = heard
		if stopping { // who was heard in this turn has been told
			l.end(l.bidFarewell)
			return
		}
		if l.now.Sub(ticked) >= loopTick {
			ticked = l.now
			for _, c := range l.silent() {
				l.hangUp(c)
			}
		}
	}
}

// end does something to all connections, and takes no more.
func (l *loop) end(with func(*conn)) {
	l.mu.Lock()
	l.ended = true
	conns := l.conns
	l.conns = make(map[int]*conn)
	l.mu.Unlock()
	for _, c := range conns {
		with(c)
	}
}

// silent returns the connections that have said nothing for too long.
func (l *loop) silent() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	var silent []*conn
	for _, c := range l.conns {
		if l.now.Sub(c.said) >= idleTimeout {
			silent = append(silent, c)
		}
	}
	return silent
}

// hear takes what a client has sent and finds the answers. It reports whether the connection is still open.
func (l *loop) hear(c *conn) bool {
	n, err := rawRead(c.fd, l.in)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		c.whole = true // as it was before: it would not be here otherwise
		return true
	case err != nil || n == 0:
		l.hangUp(c)
		return false
	}
	c.said = l.now
	c.in.borrow(l.in[:n])
	if last := len(l.spare) - 1; last >= 0 {
		c.out, l.spare = l.spare[last], l.spare[:last]
	}
	c.whole = l.execute(c)
	c.in.keep()
	return true
}

// tell sends the answers. It reports whether the connection is still in the loop: what a client doesn't
// take at once, or an error, is for a goroutine.
func (l *loop) tell(c *conn) bool {
	if len(c.out) > 0 {
		sent, err := rawWrite(c.fd, c.out)
		rest := copy(c.out, c.out[sent:])
		c.out = c.out[:rest]
		c.whole = c.whole && rest == 0 && err == nil
	}
	if !c.whole {
		l.leave(c)
		return false
	}
	if 0 < cap(c.out) && cap(c.out) <= keptBytes {
		l.spare = append(l.spare, c.out[:0])
	}
	c.out = nil
	return true
}

// bidFarewell answers what has arrived and ends a connection.
func (l *loop) bidFarewell(c *conn) {
	if l.hear(c) && l.tell(c) {
		l.hangUp(c)
	}
}

// execute answers the commands that have arrived, and reports whether nothing is left that a goroutine has to see to.
func (l *loop) execute(c *conn) bool {
	for {
		args, err := c.in.next(c.limits())
		if errors.Is(err, errPart) {
			return !c.in.waiting()
		}
		if err != nil {
			c.in.rewind()
			return false
		}
		before := len(c.out)
		c.execute(args)
		if c.waits {
			c.out = c.out[:before]
			c.in.rewind()
			return false
		}
		c.in.drop()
		if c.closing || c.stranger() || len(c.out) > flushBytes {
			return false
		}
	}
}

// leave hands a connection over to a goroutine.
func (l *loop) leave(c *conn) {
	l.remove(c)
	l.server.mu.Lock()
	own := os.NewFile(uintptr(c.fd), "")
	socket, err := net.FileConn(own)
	_ = own.Close()
	c.fd = -1
	if err == nil {
		c.socket = socket
	}
	l.server.mu.Unlock()
	if err != nil {
		l.server.log.Warn("redis connection lost", "client", c.address, "error", err)
		l.forget(c)
		return
	}
	l.serve(c)
}

// rawRead reads without telling Go's scheduler, which is told of what may block. A socket in a loop never does.
func rawRead(fd int, p []byte) (int, error) { return raw(unix.SYS_READ, fd, p) }

// rawWrite writes like rawRead reads.
func rawWrite(fd int, p []byte) (int, error) { return raw(unix.SYS_WRITE, fd, p) }

func raw(call uintptr, fd int, p []byte) (int, error) {
	n, _, failure := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))) //nolint:gosec // the kernel's own form of a slice
	if failure != 0 {
		return 0, failure
	}
	return int(n), nil
}
