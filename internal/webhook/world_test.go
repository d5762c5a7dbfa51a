package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"muster/internal/catalog"
	"muster/internal/policy"
	"muster/internal/seal"
	"muster/internal/store"
	"muster/internal/store/engine"
	"muster/internal/store/pebblestore"
	"muster/internal/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a sender over the real engine on a file system in memory. Receivers are real HTTP servers
// behind a network in memory, so that time in a bubble stands still while bytes are under way.
type world struct {
	t      *testing.T
	disk   *vfs.MemFS
	keys   *seal.Keys
	db     *pebblestore.Store
	store  *engine.Engine
	sender *webhook.Sender
	log    bytes.Buffer

	mu        sync.Mutex
	receivers map[string]*receiver // by host and port
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, disk: vfs.NewCrashableMem(), keys: newKeys(t), receivers: map[string]*receiver{}}
	w.open()
	t.Cleanup(func() {
		w.close(t.Context())
		for _, r := range w.receivers {
			r.close()
		}
	})
	return w
}

func newKeys(t testing.TB) *seal.Keys {
	t.Helper()
	keys, err := seal.ParseKeys(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// secret returns a change that gives a webhook a secret.
func (w *world) secret(text string) func(*catalog.Webhook) {
	return func(h *catalog.Webhook) {
		var err error
		if h.Secret, err = w.keys.Seal(text, h.SecretPlace()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// open opens store and sender, the first time or again.
func (w *world) open() {
	w.t.Helper()
	silent := slog.New(slog.DiscardHandler)
	var err error
	if w.db, err = pebblestore.Open("data", w.disk, silent, func(error) {}); err != nil {
		w.t.Fatal(err)
	}
	if w.store, err = engine.Open(w.t.Context(), w.db, w.db, engine.Options{Logger: silent}); err != nil {
		w.t.Fatal(err)
	}
	if w.sender, err = webhook.New(w.t.Context(), w.store, w.keys, render, webhook.Options{
		Log: slog.New(slog.NewTextHandler(&w.log, nil)), UserAgent: "muster/test", Dial: w.dial,
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close(ctx context.Context) {
	w.sender.Close(ctx)
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
	if err := w.db.Close(); err != nil {
		w.t.Error(err)
	}
}

// render writes an entry as the tests read it.
func render(e catalog.AuditEntry) ([]byte, error) {
	return json.Marshal(map[string]string{"_id": string(e.ID), "name": e.Name})
}

// update runs a write of the account.
func (w *world) update(fn func(store.Tx) error) {
	w.t.Helper()
	if _, err := w.store.Update(w.t.Context(), store.Account, fn); err != nil {
		w.t.Fatal(err)
	}
}

// entry writes an audit entry about a project.
func (w *world) entry(name string, project catalog.ProjectKey) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		e := catalog.AuditEntry{ID: catalog.NewID(), At: time.Now(), Kind: "project", Name: name, Project: project, Target: "proj/" + string(project)}
		e.Accesses = []catalog.Access{catalog.AccessTo(policy.UpdateProjectName, policy.Resource{{Kind: "proj", Name: string(project)}})}
		tx.Audit(e)
		return nil
	})
}

func (w *world) entries(names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.entry(name, "web")
	}
}

// hook creates a webhook that is on.
func (w *world) hook(url string, change ...func(*catalog.Webhook)) catalog.ID {
	w.t.Helper()
	h := &catalog.Webhook{ID: catalog.NewID(), URL: url, On: true, Account: true, CreatedAt: time.Now()}
	for _, c := range change {
		c(h)
	}
	w.put(h)
	return h.ID
}

func (w *world) put(h *catalog.Webhook) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		if old, ok := tx.Webhook(h.ID); h.On && (!ok || !old.On) {
			h.Since = tx.AuditHead()
		}
		tx.PutWebhook(h)
		return nil
	})
}

// change puts a webhook that differs from what it was.
func (w *world) change(id catalog.ID, change func(*catalog.Webhook)) {
	w.t.Helper()
	h, _ := w.store.Webhook(id)
	h = h.Clone()
	change(h)
	w.put(h)
}

func (w *world) status(id catalog.ID) webhook.Status {
	w.t.Helper()
	all := w.sender.Statuses()
	i := slices.IndexFunc(all, func(s webhook.Status) bool { return s.ID == id })
	if i < 0 {
		w.t.Fatalf("webhook %s has no status", id)
	}
	return all[i]
}

// got is a request that came to a receiver.
type got struct {
	at     time.Time
	name   string // of the entry
	body   string
	header http.Header
}

// receiver is an HTTP server that answers as it is told.
type receiver struct {
	server      *http.Server
	pipe        *pipe
	connections atomic.Int64
	mu          sync.Mutex
	all         []got
}

// receiver makes a host answer. Answer is called for each request; nil answers 200.
func (w *world) receiver(host string, answer func(n int, rw http.ResponseWriter, r *http.Request)) *receiver {
	r := &receiver{pipe: &pipe{accept: make(chan net.Conn), done: make(chan struct{})}}
	r.server = &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		var e struct{ Name string }
		_ = json.Unmarshal(body, &e)
		r.mu.Lock()
		r.all = append(r.all, got{time.Now(), e.Name, string(body), req.Header})
		n := len(r.all)
		r.mu.Unlock()
		if answer != nil {
			answer(n, rw, req)
		}
	}), ReadHeaderTimeout: time.Hour, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			r.connections.Add(1)
		}
	}}
	go func() { _ = r.server.Serve(r.pipe) }()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.receivers[host] = r
	return r
}

func (r *receiver) close() { _ = r.server.Close() }

// got returns the requests that came, in order.
func (r *receiver) got() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// names returns the names of the entries that came, in order.
func (r *receiver) names() []string {
	var names []string
	for _, g := range r.got() {
		names = append(names, g.name)
	}
	return names
}

func (r *receiver) want(t testing.TB, names ...string) {
	t.Helper()
	if got := r.names(); fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("the receiver got %q, want %q", got, names)
	}
}

// dial connects to a receiver; where there is none the connection is refused.
func (w *world) dial(ctx context.Context, _, address string) (net.Conn, error) {
	w.mu.Lock()
	r := w.receivers[address]
	w.mu.Unlock()
	if r == nil {
		return nil, fmt.Errorf("dial %s: connection refused", address)
	}
	ours, theirs := net.Pipe()
	select {
	case r.pipe.accept <- theirs:
		return ours, nil
	case <-r.pipe.done:
		return nil, fmt.Errorf("dial %s: connection refused", address)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pipe is a listener on a network in memory.
type pipe struct {
	accept chan net.Conn
	done   chan struct{}
	once   sync.Once
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }
