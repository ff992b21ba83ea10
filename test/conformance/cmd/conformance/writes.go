package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// statusWrites is what an audit log says of one kind of object during a run.
type statusWrites struct {
	resource string
	changes  int // by users: created, changed, deleted
	objects  int // of these changes, creations
	written  int // statuses, by the controllers
	refused  int // of their tries: the object was newer, or gone
}

// auditEvent is as much of a line of an audit log as is needed.
type auditEvent struct {
	Stage string `json:"stage"`
	Verb  string `json:"verb"`
	User  struct {
		Username string `json:"username"`
	} `json:"user"`
	Object struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Group       string `json:"apiGroup"`
	} `json:"objectRef"`
	Response struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// countWrites reads an audit log in JSON: for the kinds of the Gateway API and of Cloudgate, how often users changed objects, and how often
// an account wrote a status. A last line that is not whole yet is left out.
func countWrites(log io.Reader, account string) ([]statusWrites, error) {
	kinds := map[string]*statusWrites{}
	reader := bufio.NewReaderSize(log, 1<<16)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		var e auditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("a line of the audit log: %w", err)
		}
		if e.Stage != "ResponseComplete" || !strings.HasPrefix(e.Object.Group, "gateway.networking.") && e.Object.Group != "cloudgate.dev" {
			continue
		}
		kind := kinds[e.Object.Resource]
		if kind == nil {
			kind = &statusWrites{resource: e.Object.Resource}
			kinds[e.Object.Resource] = kind
		}
		kind.count(&e, e.User.Username == account)
	}
	var all []statusWrites
	for _, kind := range kinds {
		if kind.written > 0 {
			all = append(all, *kind)
		}
	}
	slices.SortFunc(all, func(a, b statusWrites) int { return strings.Compare(a.resource, b.resource) })
	return all, nil
}

func (w *statusWrites) count(e *auditEvent, ours bool) {
	succeeded := e.Response.Code < 300
	switch e.Verb {
	case "create", "update", "patch", "delete":
	default:
		return
	}
	switch {
	case e.Object.Subresource == "status" && ours && succeeded:
		w.written++
	case e.Object.Subresource == "status" && ours:
		w.refused++
	case e.Object.Subresource == "" && succeeded && (!ours || e.Object.Group == "cloudgate.dev"):
		w.changes++
		if e.Verb == "create" {
			w.objects++
		}
	}
}
