package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"muster/internal/admin"
	"muster/internal/catalog"
	"muster/internal/store"
)

// turnGauges reads at each scrape how the moves of segments to their next generation are doing.
type turnGauges struct {
	store  store.Catalog
	turner *admin.Turner

	moves, age, done, leftOut *prometheus.Desc
}

func newTurnGauges(s store.Catalog, t *admin.Turner) *turnGauges {
	environment := []string{"environment_id", "project", "environment"}
	desc := func(name, help string, labels []string) *prometheus.Desc {
		return prometheus.NewDesc("muster_generation_"+name, help, labels, nil)
	}
	return &turnGauges{
		store: s, turner: t,
		moves:   desc("moves", "Segments of the environment that are moving to their next generation, by how far they are.", append(environment, "state")),
		age:     desc("move_age_seconds", "How long ago the move of the environment began that is under way for longest; 0 without one.", environment),
		done:    desc("moves_done_total", "Moves to a next generation that ended.", nil),
		leftOut: desc("moves_left_out_total", "Relays and stores that a move did not wait for any longer, because they took in nothing.", nil),
	}
}

// Describe implements prometheus.Collector.
func (g *turnGauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.moves, g.age, g.done, g.leftOut} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *turnGauges) Collect(ch chan<- prometheus.Metric) {
	stats := g.turner.Stats()
	ch <- prometheus.MustNewConstMetric(g.done, prometheus.CounterValue, float64(stats.Done))
	ch <- prometheus.MustNewConstMetric(g.leftOut, prometheus.CounterValue, float64(stats.LeftOut))
	for _, p := range g.store.Projects() {
		for _, e := range g.store.Environments(p.Key) {
			labels := []string{string(e.ID), string(p.Key), string(e.Key)}
			in, age := map[catalog.TurnState]int{}, 0.0
			for _, s := range g.store.Segments(e.ID) {
				if s.Turn != nil {
					in[s.Turn.State()]++
					age = max(age, time.Since(s.Turn.Begun).Seconds())
				}
			}
			ch <- prometheus.MustNewConstMetric(g.age, prometheus.GaugeValue, age, labels...)
			for _, state := range []catalog.TurnState{catalog.TurnFilling, catalog.TurnWaiting, catalog.TurnSwitched} {
				ch <- prometheus.MustNewConstMetric(g.moves, prometheus.GaugeValue, float64(in[state]), append(labels, string(state))...)
			}
		}
	}
}
