package api

import (
	"cmp"
	"net/http"
	"time"

	"muster/internal/admin"
	"muster/internal/catalog"
)

type webhookJSON struct {
	Links      links           `json:"_links"`
	ID         string          `json:"_id"`
	Name       string          `json:"name,omitzero"`
	URL        string          `json:"url"`
	Secret     string          `json:"secret,omitzero" doc:"In full for those who hold updateSecret"`
	Statements []statementJSON `json:"statements,omitempty"`
	On         bool            `json:"on"`
	Tags       []string        `json:"tags"`
	Problem    string          `json:"problem,omitzero" doc:"Why nothing can be sent: the secret can't be opened"`
	Failing    *failingJSON    `json:"failing,omitzero" doc:"The last attempt to tell it of an entry failed"`
}

// failingJSON says since when a webhook takes nothing, and why as far as the last attempt tells.
type failingJSON struct {
	Since  int64  `json:"since" doc:"The first attempt after which none succeeded, as far as attempts are kept; Unix milliseconds"`
	Status int    `json:"status,omitzero" doc:"Of the last answer; absent without one"`
	Error  string `json:"error"`
}

// failingOf looks through the attempts, newest first, tests aside. It is nil if the last one succeeded.
func failingOf(attempts []catalog.Delivery) *failingJSON {
	var j *failingJSON
	for _, d := range attempts {
		switch {
		case d.Attempt == 0:
			continue
		case d.Error == "":
			return j
		case j == nil:
			j = &failingJSON{Status: d.Status, Error: d.Error}
		}
		j.Since = d.At.UnixMilli()
	}
	return j
}

// webhookOf renders a webhook with how it is doing.
func (s *server) webhookOf(w *admin.Webhook) webhookJSON {
	j := webhookOf(w)
	j.Failing = failingOf(s.webhooks.Deliveries(w.ID))
	return j
}

// webhookOf renders what a webhook itself holds; it is what a patch sees.
func webhookOf(w *admin.Webhook) webhookJSON {
	return webhookJSON{
		Links: links{"self": apiLink("/webhooks/" + string(w.ID)), "parent": apiLink("/webhooks")},
		ID:    string(w.ID), Name: w.Name, URL: w.URL, Secret: w.Secret, Statements: each(w.Statements, statementOf), On: w.On, Tags: w.Tags, Problem: w.Problem,
	}
}

func webhookID(r *http.Request) catalog.ID { return catalog.ID(r.PathValue("webhookId")) }

var webhookFields = fields[*admin.Webhook]{
	"url":    field(func(w *admin.Webhook) *string { return &w.URL }),
	"name":   field(func(w *admin.Webhook) *string { return &w.Name }),
	"secret": field(func(w *admin.Webhook) *string { return &w.Secret }),
	"on":     field(func(w *admin.Webhook) *bool { return &w.On }),
	"tags":   field(func(w *admin.Webhook) *[]string { return &w.Tags }),
	"statements": asField(func(w *admin.Webhook, v []statementJSON) {
		w.Statements = each(v, statementJSON.statement)
	}),
}

func (s *server) listWebhooks(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := pageOf(r.URL.Query(), maxPage)
	if err != nil {
		return err
	}
	all, err := s.admin.Webhooks(r.Context(), who)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, all, s.webhookOf))
}

type newWebhookJSON struct {
	URL        string          `json:"url"`
	Name       string          `json:"name,omitzero"`
	On         bool            `json:"on,omitzero"`
	Sign       *bool           `json:"sign,omitzero" doc:"Whether deliveries are signed; absent means if there is a secret"`
	Secret     string          `json:"secret,omitzero" doc:"Made if it is absent and sign is true"`
	Statements []statementJSON `json:"statements,omitzero" doc:"What the webhook is told of; everything if absent"`
	Tags       []string        `json:"tags,omitzero"`
}

func (s *server) createWebhook(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	var body newWebhookJSON
	if err := decodeBody(w, r, maxBodyBytes, &body); err != nil {
		return err
	}
	switch {
	case body.Sign == nil:
	case *body.Sign:
		body.Secret = cmp.Or(body.Secret, catalog.NewSecret(""))
	default:
		body.Secret = ""
	}
	made, err := s.admin.CreateWebhook(r.Context(), who, admin.NewWebhook{
		URL: body.URL, Name: body.Name, On: body.On, Secret: body.Secret, Statements: each(body.Statements, statementJSON.statement), Tags: body.Tags,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return writeJSON(w, http.StatusOK, webhookOf(made))
}

func (s *server) getWebhook(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	found, err := s.admin.Webhook(r.Context(), who, webhookID(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.webhookOf(found))
}

func (s *server) patchWebhook(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := readFieldPatch(w, r)
	if err != nil {
		return err
	}
	changed, err := s.admin.ChangeWebhook(r.Context(), who, webhookID(r), p.how(), func(w *admin.Webhook) error {
		before, after, err := p.edited(webhookOf(w))
		if err != nil {
			return err
		}
		return webhookFields.assign(w, before, after, "")
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, s.webhookOf(changed))
}

func (s *server) deleteWebhook(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	if err := s.admin.DeleteWebhook(r.Context(), who, webhookID(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deliveryJSON is one attempt to tell a webhook of an audit entry.
type deliveryJSON struct {
	Date     int64  `json:"date" doc:"Unix milliseconds"`
	EntryID  string `json:"entryId"`
	Test     bool   `json:"test,omitzero"`
	Attempt  int    `json:"attempt,omitzero"`
	State    string `json:"state" enum:"delivered,failed,givenUp"`
	Status   int    `json:"status,omitzero"`
	Duration int64  `json:"durationMs"`
	Error    string `json:"error,omitzero"`
}

// What came of a delivery. One that failed is tried again.
const (
	deliveryDelivered = "delivered"
	deliveryFailed    = "failed"
	deliveryGivenUp   = "givenUp"
)

func deliveryOf(d catalog.Delivery) deliveryJSON {
	j := deliveryJSON{
		Date: d.At.UnixMilli(), EntryID: string(d.Entry), Test: d.Attempt == 0, Attempt: d.Attempt, State: deliveryDelivered,
		Status: d.Status, Duration: d.Took.Round(time.Millisecond).Milliseconds(), Error: d.Error,
	}
	switch {
	case d.GivenUp:
		j.State = deliveryGivenUp
	case d.Error != "":
		j.State = deliveryFailed
	}
	return j
}

func (s *server) listDeliveries(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	p, err := pageOf(r.URL.Query(), 20)
	if err != nil {
		return err
	}
	found, err := s.admin.Webhook(r.Context(), who, webhookID(r))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, paged(r, p, s.webhooks.Deliveries(found.ID), deliveryOf))
}

func (s *server) testWebhook(w http.ResponseWriter, r *http.Request, who catalog.Caller) error {
	found, entry, err := s.admin.TestOfWebhook(r.Context(), who, webhookID(r))
	if err != nil {
		return err
	}
	d, err := s.webhooks.Test(r.Context(), found, entry)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, deliveryOf(d))
}
