package engine

import (
	"context"
	"fmt"

	"muster/internal/catalog"
	"muster/internal/store"
)

func webhookKey(id catalog.ID) []byte { return key(string(id)) }

func (t *tx) PutWebhook(v *catalog.Webhook) {
	if t.checkWide("", "webhook") {
		stage(&t.over.webhooks, v.ID, v)
	}
}

func (t *tx) DeleteWebhook(id catalog.ID) {
	if _, ok := t.Webhook(id); ok && t.checkWide("", "webhook") {
		stage(&t.over.webhooks, id, nil)
		t.rows = append(t.rows, store.Row{Table: tableWebhookProgress, Key: webhookKey(id)})
	}
}

func (t *tx) AuditHead() catalog.AuditPosition { return t.step.e.AuditHead() }

// WebhookProgress returns what was kept of a webhook last.
func (e *Engine) WebhookProgress(ctx context.Context, id catalog.ID) (catalog.WebhookProgress, error) {
	var p catalog.WebhookProgress
	k := webhookKey(id)
	b, ok, err := e.log.Row(ctx, tableWebhookProgress, k)
	if err == nil && ok {
		err = decodeJSON(store.Row{Table: tableWebhookProgress, Key: k, Value: b}, &p)
	}
	if err != nil {
		return catalog.WebhookProgress{}, fmt.Errorf("read the progress of webhook %s: %w", id, err)
	}
	return p, nil
}

// KeepWebhookProgress makes the progress of webhooks durable.
func (e *Engine) KeepWebhookProgress(_ context.Context, all map[catalog.ID]catalog.WebhookProgress) error {
	e.wide.Lock() // so that none is deleted meanwhile
	defer e.wide.Unlock()
	if err := e.usable(); err != nil {
		return fmt.Errorf("keep the progress of webhooks: %w", err)
	}
	var rows []store.Row
	for id, p := range all {
		if _, ok := e.Webhook(id); !ok {
			continue
		}
		row, err := objectRow(tableWebhookProgress, webhookKey(id), &p)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil
	}
	if err := e.log.Write(e.writing, nil, rows); err != nil {
		return e.fail(fmt.Errorf("keep the progress of webhooks: %w", err))
	}
	return nil
}
