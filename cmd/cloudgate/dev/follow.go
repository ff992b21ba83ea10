package dev

import (
	"context"
	"reflect"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
)

// followStates reads the State whenever something that it is made of changes, and hands it on when it is another one.
func (d *Dev) followStates(ctx context.Context) error {
	handler := toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { d.wake() },
		UpdateFunc: func(any, any) { d.wake() },
		DeleteFunc: func(any) { d.wake() },
	}
	for _, kind := range watched() {
		informer, err := d.manager.GetCache().GetInformer(ctx, kind)
		if err != nil {
			return endOf(ctx, err)
		}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	var refresh <-chan time.Time
	if d.cfg.Refresh > 0 {
		ticker := time.NewTicker(d.cfg.Refresh)
		defer ticker.Stop()
		refresh = ticker.C
	}
	at := newEndpoints(d.url, "")
	if d.cloud != nil {
		at.aws = d.cloud.AWSEndpoint
	}
	var last *State
	refreshing := false
	for {
		s, err := observe(ctx, d.store.Client(), d.serves, at)
		if err != nil {
			return endOf(ctx, err)
		}
		s.Cloud, s.AWS = d.url, d.AWS()
		d.addCloud(&s)
		d.addFiles(&s)
		if refreshing || last == nil || !reflect.DeepEqual(*last, s) {
			if err := d.cfg.Show(ctx, d, s); err != nil {
				return endOf(ctx, err)
			}
			last = &s
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.changed:
			refreshing = false
		case <-refresh:
			refreshing = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(restBetweenStates):
		}
	}
}

// endOf returns nil where err came of the end.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// addCloud adds what is wrong with the embedded cloud as a whole. In a cluster its own log says it, and nobody sees that here.
func (d *Dev) addCloud(s *State) {
	if d.cloud == nil {
		return
	}
	s.CloudProblem = d.cloudProblem()
	if aside := d.cloud.MovedAside(); aside != "" {
		s.Warnings = append(s.Warnings, "warning: the fake cloud's state file was damaged; it is now "+aside+", and the cloud began empty")
	}
}

func (d *Dev) cloudProblem() string {
	if err := d.cloud.Writable(); err != nil {
		return err.Error() + "; mend that, and changes go on"
	}
	return ""
}

// followCloud looks whether the embedded cloud can keep its state: no object tells that.
func (d *Dev) followCloud(ctx context.Context) error {
	ticker := time.NewTicker(lookAtCloud)
	defer ticker.Stop()
	for last := d.cloudProblem(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if now := d.cloudProblem(); now != last {
			last = now
			d.wake()
		}
	}
}

// addFiles adds what is wrong with the files.
func (d *Dev) addFiles(s *State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.files {
		if p.Warning {
			s.Warnings = append(s.Warnings, p.String())
		} else {
			s.Files = append(s.Files, p.String())
		}
	}
	s.finish()
}
