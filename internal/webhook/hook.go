package webhook

import (
	"context"
	"slices"
	"sync"
	"time"

	"muster/internal/catalog"
	"muster/internal/store"
)

// readAgain is how long a webhook waits when the audit log can't be read.
const readAgain = 10 * time.Second

// hook follows the audit log for one webhook, whether it is on or off.
type hook struct {
	s       *Sender
	id      catalog.ID
	news    chan struct{} // holds something when the log has grown
	changed chan struct{} // holds something when the webhook is not what it was
	ctx     context.Context
	stop    context.CancelFunc

	mu        sync.Mutex
	progress  catalog.WebhookProgress
	unkept    bool      // what progress says is not durable
	waiting   time.Time // when the entry that is being delivered was written; zero without one
	failures  int       // attempts that failed since one did not
	delivered uint64
	givenUp   uint64
	failed    uint64
}

// follow works until the webhook is deleted or the sender closes.
func (h *hook) follow() {
	defer h.stop()
	for !h.ended() {
		w, ok := h.s.store.Webhook(h.id)
		if !ok {
			return
		}
		if w.On && h.advance(w) {
			continue
		}
		if !w.On {
			h.rest()
		}
		select {
		case <-h.news:
		case <-h.changed:
		case <-h.s.stopping:
		case <-h.ctx.Done():
		}
	}
}

// advance tells the webhook of the next entry that is for it; false if there is none.
func (h *hook) advance(w *catalog.Webhook) bool {
	e, found, err := h.next(w)
	switch {
	case h.ended():
	case err != nil:
		h.s.log.Error("the audit log can't be read, a webhook is not told of it", "webhook", h.id, "error", err)
		h.pause(readAgain)
	case found:
		h.deliver(e)
	}
	return found || err != nil
}

func (h *hook) ended() bool {
	select {
	case <-h.s.stopping:
		return true
	default:
		return h.ctx.Err() != nil
	}
}

// next returns the first entry that the webhook is to be told of.
func (h *hook) next(w *catalog.Webhook) (e store.Audited, found bool, err error) {
	for e, err := range h.s.store.AuditAfter(h.ctx, h.from(w)) {
		if err != nil {
			return e, false, err
		}
		if w.Selects(e.Entry) {
			return e, true, nil
		}
		h.pass(e.Position)
		if h.ended() {
			break
		}
	}
	return e, false, nil
}

// from returns the position that the webhook stands at.
func (h *hook) from(w *catalog.Webhook) catalog.AuditPosition {
	h.pass(w.Since)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.progress.Told
}

// pass says that the webhook needs to be told of nothing up to a position.
func (h *hook) pass(through catalog.AuditPosition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if through > h.progress.Told {
		h.progress.Told = through
		h.moved()
	}
}

// deliver sends an entry until it is delivered or given up, or the webhook doesn't want it any more.
func (h *hook) deliver(e store.Audited) {
	body, err := h.s.render(e.Entry)
	if err != nil {
		h.s.log.Error("an audit entry can't be rendered, a webhook is not told of it", "webhook", h.id, "entry", e.Entry.ID, "error", err)
		h.pass(e.Position)
		return
	}
	h.expect(e.Entry.At)
	began := time.Now()
	for attempt := 1; !h.ended(); attempt++ {
		w, ok := h.s.store.Webhook(h.id)
		if !ok || !w.On || w.Since >= e.Position || !w.Selects(e.Entry) {
			return
		}
		a := h.s.send(h.ctx, w, body)
		if h.ctx.Err() != nil {
			return // nobody knows what came of it
		}
		if a.held {
			began = time.Now() // its time begins when something can be sent
		}
		wait := h.count(a)
		d := a.delivery
		d.Entry, d.Attempt = e.Entry.ID, attempt
		d.GivenUp = d.Error != "" && (attempt >= a.attempts() || time.Since(began)+wait > giveUpAfter)
		h.note(d)
		if d.Error == "" || d.GivenUp {
			h.settle(e, d)
			return
		}
		h.pause(wait)
	}
}

// expect notes since when the webhook should know of something.
func (h *hook) expect(written time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = written
}

// rest forgets what a webhook that is off had under way.
func (h *hook) rest() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting, h.failures = time.Time{}, 0
}

// count counts an attempt and returns how long to wait before the next one.
func (h *hook) count(a answer) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.delivery.Error == "" {
		h.failures = 0
		return 0
	}
	h.failures++
	h.failed++
	return max(backOff(h.failures), a.retryAfter)
}

// settle ends the delivery of an entry.
func (h *hook) settle(e store.Audited, last catalog.Delivery) {
	h.pass(e.Position)
	h.mu.Lock()
	h.waiting = time.Time{}
	if last.GivenUp {
		h.givenUp++
	} else {
		h.delivered++
	}
	h.mu.Unlock()
	if last.GivenUp {
		h.s.log.Warn("an audit entry is not delivered to a webhook, muster gives up", "webhook", h.id, "entry", e.Entry.ID,
			"attempts", last.Attempt, "reason", last.Error)
	}
}

// note keeps an attempt, and says that there was one.
func (h *hook) note(d catalog.Delivery) {
	h.mu.Lock()
	h.progress.Note(d)
	h.moved()
	h.mu.Unlock()
	if h.s.attempted != nil {
		h.s.attempted(h.id, d)
	}
}

// moved says that the progress is not durable. The caller holds mu.
func (h *hook) moved() {
	h.unkept = true
	signal(h.s.unkept)
}

// pause waits, but not once the webhook is changed: its URL may be another.
func (h *hook) pause(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-h.changed:
	case <-h.s.stopping:
	case <-h.ctx.Done():
	}
}

// take returns the progress, if it is not durable, for somebody who makes it so.
func (h *hook) take() (p catalog.WebhookProgress, unkept bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	unkept, h.unkept = h.unkept, false
	return h.progress, unkept
}

// giveBack says that what was taken did not become durable.
func (h *hook) giveBack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moved()
}

func (h *hook) deliveries() []catalog.Delivery {
	h.mu.Lock()
	all := slices.Clone(h.progress.Deliveries)
	h.mu.Unlock()
	slices.Reverse(all)
	for i := range all {
		if time.Since(all[i].At) > catalog.DeliveryAge {
			return all[:i]
		}
	}
	return all
}

func (h *hook) status(w *catalog.Webhook) Status {
	head := h.s.store.AuditHead()
	h.mu.Lock()
	defer h.mu.Unlock()
	st := Status{ID: w.ID, On: w.On, Delivered: h.delivered, GivenUp: h.givenUp, Failed: h.failed}
	if !w.On {
		return st
	}
	st.Failing = h.failures > 0
	if told := max(h.progress.Told, w.Since); head > told {
		st.LagEntries = uint64(head - told)
	}
	if !h.waiting.IsZero() {
		st.Lag = max(0, time.Since(h.waiting))
	}
	return st
}
