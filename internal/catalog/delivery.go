package catalog

import (
	"slices"
	"time"
)

// Deliveries are kept of a webhook up to this number and age.
const (
	MaxDeliveries = 100
	DeliveryAge   = 7 * 24 * time.Hour
)

// Delivery is one attempt to tell a webhook of an audit entry.
type Delivery struct {
	At      time.Time
	Entry   ID
	Attempt int           // of this entry, from 1; 0 for a test
	Status  int           // of the answer; 0 without one
	Took    time.Duration // until the answer, or until muster waited no more
	Error   string        // why the entry is not delivered; "" if it is
	GivenUp bool          // no further attempt follows
}

// WebhookProgress is how far a webhook has come.
type WebhookProgress struct {
	// Told is up to where each entry is delivered, given up, or not for this webhook.
	Told AuditPosition
	// Deliveries are the newest attempts, oldest first.
	Deliveries []Delivery
}

// Note adds an attempt and forgets those that are too many or too old.
func (p *WebhookProgress) Note(d Delivery) {
	first := max(0, len(p.Deliveries)+1-MaxDeliveries)
	for first < len(p.Deliveries) && d.At.Sub(p.Deliveries[first].At) > DeliveryAge {
		first++
	}
	p.Deliveries = append(slices.Clone(p.Deliveries[first:]), d)
}
