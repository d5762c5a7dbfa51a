package webhook

import (
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/catalog"
)

func TestOldDeliveriesAreNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{s: &Sender{unkept: make(chan struct{}, 1)}}
		h.note(catalog.Delivery{At: time.Now(), Attempt: 1})
		time.Sleep(catalog.DeliveryAge / 2)
		h.note(catalog.Delivery{At: time.Now(), Attempt: 2})
		if n := len(h.deliveries()); n != 2 {
			t.Errorf("%d are shown, want 2", n)
		}
		time.Sleep(catalog.DeliveryAge/2 + time.Second)
		if ds := h.deliveries(); len(ds) != 1 || ds[0].Attempt != 2 {
			t.Errorf("%+v are shown", ds)
		}
		h.note(catalog.Delivery{At: time.Now(), Attempt: 3})
		if n := len(h.progress.Deliveries); n != 2 {
			t.Errorf("%d are kept, want 2", n)
		}
	})
}
