package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"muster/internal/relayfeed"
	"muster/internal/store"
)

// relayGauges reads at each scrape how the relays are doing that keep members of big segments.
type relayGauges struct {
	store store.Catalog
	feed  *relayfeed.Feed

	polls, walks, changes, loops, cut *prometheus.Desc
	relays, lag                       *prometheus.Desc
}

func newRelayGauges(s store.Catalog, f *relayfeed.Feed) *relayGauges {
	environment := []string{"environment_id", "project", "environment"}
	desc := func(name, help string, labels []string) *prometheus.Desc {
		return prometheus.NewDesc("muster_relay_"+name, help, labels, nil)
	}
	return &relayGauges{
		store: s, feed: f,
		polls:   desc("polls_total", "Polls of relays for members of big segments that were answered.", nil),
		walks:   desc("walks_total", "Times that a relay was told all members, because nothing was known of its cursor.", nil),
		changes: desc("changes_total", "Changes of members encoded for relays.", nil),
		loops:   desc("refused_polls_total", "Polls refused because a relay asked the same again and again: its database does not take what it is told.", nil),
		cut:     desc("ended_streams_total", "Streams of members that muster ended: the relay was too far behind, or was to begin anew, or the members could not be read.", nil),
		relays:  desc("followers", "Relays that follow the members of the environment.", append(environment, "state")),
		lag:     desc("lag_seconds", "How far the relay of the environment is behind that is furthest behind.", environment),
	}
}

// Describe implements prometheus.Collector.
func (g *relayGauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.polls, g.walks, g.changes, g.loops, g.cut, g.relays, g.lag} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *relayGauges) Collect(ch chan<- prometheus.Metric) {
	stats := g.feed.Stats()
	for d, v := range map[*prometheus.Desc]uint64{g.polls: stats.Polls, g.walks: stats.Walks, g.changes: stats.Changes, g.loops: stats.Loops, g.cut: stats.Cut} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	for _, p := range g.store.Projects() {
		for _, e := range g.store.Environments(p.Key) {
			followers := g.feed.Followers(e.ID)
			if followers == nil {
				continue
			}
			labels := []string{string(e.ID), string(p.Key), string(e.Key)}
			lag, in := 0.0, map[relayfeed.State]int{}
			for _, f := range followers {
				lag, in[f.State] = max(lag, f.Lag.Seconds()), in[f.State]+f.Count
			}
			ch <- prometheus.MustNewConstMetric(g.lag, prometheus.GaugeValue, lag, labels...)
			for _, state := range []relayfeed.State{relayfeed.Current, relayfeed.Behind, relayfeed.Walking, relayfeed.Failed} {
				ch <- prometheus.MustNewConstMetric(g.relays, prometheus.GaugeValue, float64(in[state]), append(labels, string(state))...)
			}
		}
	}
}
