package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"muster/internal/delivery"
	"muster/internal/sdk"
	"muster/internal/sink"
	"muster/internal/store"
	"muster/internal/usage"
	"muster/internal/webhook"
)

// gauges reads the figures of the rooms at each scrape. An environment is named by its client-side
// ID and its keys.
type gauges struct {
	store    store.Store
	delivery *delivery.Delivery
	sdk      *sdk.Handler
	usage    *usage.Usage
	webhooks *webhook.Sender
	sinks    *sink.Keeper

	free, size, reserve                                         *prometheus.Desc
	damaged                                                     *prometheus.Desc
	head, members, segments                                     *prometheus.Desc
	connections, evaluations, events, updates, slow, unservable *prometheus.Desc
	ended, refused                                              *prometheus.Desc
	received, lost, served, unknown, seen                       *prometheus.Desc
	told, untold, failed, lagEntries, lagSeconds                *prometheus.Desc
	sinkUp, sinkComplete, sinkRevisions, sinkLag, sinkWritten   *prometheus.Desc
}

func newGauges(s store.Store, d *delivery.Delivery, h *sdk.Handler, u *usage.Usage, w *webhook.Sender, k *sink.Keeper) *gauges {
	environment := []string{"environment_id", "project", "environment"}
	store := []string{"integration_id", "environment_id", "kind"} // of which an environment has ten at most
	hook := []string{"webhook_id"}                                // of which there are [catalog.MaxWebhooks] at most
	desc := func(name, help string, labels []string) *prometheus.Desc {
		return prometheus.NewDesc("muster_"+name, help, labels, nil)
	}
	return &gauges{
		store: s, delivery: d, sdk: h, usage: u, webhooks: w, sinks: k,
		free:          desc("disk_free_bytes", "What is left of the disk that the store lies on.", nil),
		size:          desc("disk_size_bytes", "Size of the disk that the store lies on.", nil),
		reserve:       desc("disk_reserve_bytes", "What is kept free of the disk; below it pushes are answered 429.", nil),
		head:          desc("log_revision", "Newest durable revision of the environment's log.", environment),
		segments:      desc("segments", "Segments of the environment.", environment),
		damaged:       desc("segments_damaged", "Segments of the environment whose stored members can't be read whole.", environment),
		members:       desc("segment_members", "Contexts that the environment's unbounded segments hold, summed.", environment),
		connections:   desc("stream_connections", "Streams that are open, by kind.", []string{"kind"}),
		evaluations:   desc("evaluations_total", "Evaluations of a context for client-side SDKs.", nil),
		events:        desc("stream_events_total", "Revisions encoded for server-side streams.", nil),
		updates:       desc("stream_updates_total", "Messages made for client-side streams.", nil),
		ended:         desc("streams_ended_total", "Streams of SDKs that ended, by reason.", []string{"reason"}),
		refused:       desc("streams_refused_total", "Streams of SDKs that were refused, by what there was too much of.", []string{"reason"}),
		slow:          desc("stream_slow_total", "Streams ended because their reader was too slow.", nil),
		received:      desc("event_requests_total", "Requests with SDK events received.", nil),
		lost:          desc("event_requests_uncounted_total", "Requests with SDK events that were not counted, by reason.", []string{"reason"}),
		served:        desc("reported_evaluations_total", "Evaluations of the environment's flags that SDKs reported.", environment),
		unknown:       desc("reported_evaluations_unknown_total", "Evaluations that SDKs reported of flags that the project does not have.", environment),
		seen:          desc("seen_contexts", "Contexts from events that are remembered of the environment.", environment),
		unservable:    desc("definitions_withheld_total", "Definitions withheld from SDKs because the SDK data model can't express them.", nil),
		told:          desc("webhook_delivered_total", "Audit entries that the webhook took.", hook),
		untold:        desc("webhook_given_up_total", "Audit entries that the webhook did not take until muster gave up.", hook),
		failed:        desc("webhook_failed_attempts_total", "Attempts to deliver an audit entry to the webhook that failed.", hook),
		lagEntries:    desc("webhook_lag_entries", "Entries of the audit log that the webhook may still have to be told of.", hook),
		lagSeconds:    desc("webhook_lag_seconds", "How long ago the entry was written that the webhook is being told of.", hook),
		sinkUp:        desc("sink_up", "1 unless the persistent store can't be written to.", store),
		sinkComplete:  desc("sink_complete", "1 if the persistent store has everything up to its revision.", store),
		sinkRevisions: desc("sink_lag_revisions", "Revisions that the persistent store does not have yet.", store),
		sinkLag:       desc("sink_lag_seconds", "How far the persistent store is behind the log.", store),
		sinkWritten:   desc("sink_members_written_total", "Changes of members that the persistent store acknowledged.", store),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.free, g.size, g.reserve, g.damaged, g.head, g.segments, g.members, g.connections, g.evaluations, g.events, g.updates, g.slow, g.ended, g.refused, g.unservable, g.received, g.lost, g.served, g.unknown, g.seen} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for _, p := range g.store.Projects() {
		for _, e := range g.store.Environments(p.Key) {
			labels := []string{string(e.ID), string(p.Key), string(e.Key)}
			view, err := g.store.View(e.ID)
			if err != nil {
				continue // deleted between the two reads
			}
			segments, members, damaged := 0, int64(0), 0
			for _, s := range g.store.Segments(e.ID) {
				segments++
				counts, _ := view.Counts(s.Ref())
				members += counts.Included + counts.Excluded
				if g.store.Damage(e.ID, s.Ref()) != nil {
					damaged++
				}
			}
			gauge(g.damaged, float64(damaged), labels...)
			gauge(g.head, float64(view.Revision()), labels...)
			gauge(g.segments, float64(segments), labels...)
			gauge(g.members, float64(members), labels...)
			known, unknown := g.usage.Totals(e.ID)
			counter(g.served, known, labels...)
			counter(g.unknown, unknown, labels...)
			gauge(g.seen, float64(g.usage.ContextCount(e.ID)), labels...)
		}
	}
	if room, err := g.store.Room(); err == nil {
		gauge(g.free, float64(room.Free))
		gauge(g.size, float64(room.Size))
		gauge(g.reserve, float64(room.Reserve))
	}
	stats := g.delivery.Stats()
	streams := g.sdk.Stats()
	gauge(g.connections, float64(streams.ServerStreams), "server")
	gauge(g.connections, float64(streams.ClientStreams), "client")
	gauge(g.connections, float64(streams.PingStreams), "ping")
	gauge(g.connections, float64(streams.RelayStreams), "relay")
	gauge(g.connections, float64(streams.MemberStreams), "members")
	for reason, n := range streams.Ended {
		counter(g.ended, n, reason)
	}
	for reason, n := range streams.Refused {
		counter(g.refused, n, reason)
	}
	reports := g.usage.Stats()
	counter(g.received, reports.Received)
	counter(g.lost, reports.Dropped, "dropped")
	counter(g.lost, reports.Repeated, "repeated")
	counter(g.lost, reports.Unreadable, "unreadable")
	counter(g.evaluations, stats.Evaluations)
	counter(g.events, stats.Events)
	counter(g.updates, stats.Updates)
	counter(g.slow, stats.Slow)
	counter(g.unservable, stats.Poison)
	for _, w := range g.webhooks.Statuses() {
		counter(g.told, w.Delivered, string(w.ID))
		counter(g.untold, w.GivenUp, string(w.ID))
		counter(g.failed, w.Failed, string(w.ID))
		gauge(g.lagEntries, float64(w.LagEntries), string(w.ID))
		gauge(g.lagSeconds, w.Lag.Seconds(), string(w.ID))
	}
	for _, st := range g.sinks.Statuses() {
		labels := []string{string(st.ID), string(st.Env), string(st.Kind)}
		counter(g.sinkWritten, st.Written, labels...)
		if st.State == sink.Off {
			continue
		}
		gauge(g.sinkUp, number(st.State != sink.Failed), labels...)
		gauge(g.sinkComplete, number(st.Complete), labels...)
		gauge(g.sinkRevisions, float64(st.LagRevisions), labels...)
		gauge(g.sinkLag, st.Lag.Seconds(), labels...)
	}
}

// number returns 1 for what is so.
func number(so bool) float64 {
	if so {
		return 1
	}
	return 0
}
