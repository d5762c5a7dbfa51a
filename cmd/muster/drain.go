package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// drain stops in the order in which clients notice least: no new work, then streams, then what
// is under way, then the store. The ports stay open as long as anything is under way, because
// tools take "try again" better than a refused connection.
func (s *server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.settings.DrainTimeout)
	defer cancel()
	s.log.Info("stopping", "drain_timeout", s.settings.DrainTimeout)
	s.stopTurn() // or it would take those who are sent away for nobody
	idle := s.origin.drain()
	s.inbound.Drain()
	s.activity.Close()
	s.sdk.Drain()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	s.sdk.Wait(ctx)
	for _, hs := range s.https {
		if err := hs.Shutdown(ctx); err != nil {
			s.log.Warn("connections cut after the drain timeout", "err", err)
			_ = hs.Close()
		}
	}
	if s.stopRESP != nil {
		s.stopRESP()
	}
	s.delivery.Close()
	s.relays.Close()
	s.sinks.Close()
	s.webhooks.Close(ctx)
	if err := s.closeStore(); err != nil {
		return err
	}
	s.log.Info("stopped")
	return nil
}

// stopOpening stops a server that is still opening. A store that can't be opened, because the disk
// is full, may try for ever; ending the process meanwhile is as safe as a crash.
func (s *server) stopOpening(opened <-chan error) error {
	s.log.Info("stopping before the store is open", "drain_timeout", s.settings.DrainTimeout)
	select {
	case err := <-opened:
		if err == nil {
			return s.drain()
		}
		s.abandon()
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	case <-time.After(s.settings.DrainTimeout):
		return nil
	}
}

// abandon closes what a failed start had opened.
func (s *server) abandon() {
	for _, hs := range s.https {
		_ = hs.Close()
	}
	if s.stopTurn != nil {
		s.stopTurn()
	}
	if s.stopRESP != nil {
		s.stopRESP()
	}
	if s.activity != nil {
		s.activity.Close()
	}
	if s.delivery != nil {
		s.delivery.Close()
	}
	if s.relays != nil {
		s.relays.Close()
	}
	if s.sinks != nil {
		s.sinks.Close()
	}
	if s.webhooks != nil {
		at, cancel := context.WithCancel(context.Background())
		cancel()
		s.webhooks.Close(at)
	}
	if err := s.closeStore(); err != nil {
		s.log.Warn("close the store", "err", err)
	}
}

func (s *server) closeStore() error {
	if s.usage != nil {
		s.usage.Close()
	}
	for _, stop := range s.keepers {
		stop()
	}
	if s.past != nil {
		s.past.Close()
	}
	if s.members != nil {
		s.members.Close()
	}
	var errs []error
	if s.engine != nil {
		errs = append(errs, s.engine.Close())
	}
	if s.database != nil {
		errs = append(errs, s.database.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}
