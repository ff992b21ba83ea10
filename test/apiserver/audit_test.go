package apiserver

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// account is the user name of the controller.
const account = "system:serviceaccount:" + home + ":cloudgate"

// request is one line of the audit log.
type request struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef *struct {
		Resource, Namespace, Name, Subresource string
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// what names what a request is about: "patch httproutes/status default/a".
func (r request) what() string {
	if r.ObjectRef == nil {
		return r.Verb
	}
	res := r.ObjectRef.Resource
	if r.ObjectRef.Subresource != "" {
		res += "/" + r.ObjectRef.Subresource
	}
	return strings.TrimSpace(r.Verb + " " + res + " " + r.ObjectRef.Name)
}

func (r request) resource() string {
	if r.ObjectRef == nil {
		return ""
	}
	return r.ObjectRef.Resource
}

func (r request) isWrite() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb)
}

// mark is a place in the audit log.
func (s *server) mark() int64 {
	s.t.Helper()
	info, err := os.Stat(s.audit)
	if err != nil {
		s.t.Fatal(err)
	}
	return info.Size()
}

// since returns the requests of the controllers since a mark.
func (s *server) since(mark int64) []request {
	s.t.Helper()
	f, err := os.Open(s.audit)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(mark, io.SeekStart); err != nil {
		s.t.Fatal(err)
	}
	var out []request
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return out // the last line may not be whole yet
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			s.t.Fatal(err)
		}
		if r.User.Username == account {
			out = append(out, r)
		}
	}
}

// writes returns the writes among requests, those of leases apart.
func writes(all []request) (objects, leases []request) {
	for _, r := range all {
		switch {
		case !r.isWrite():
		case r.resource() == "leases":
			leases = append(leases, r)
		default:
			objects = append(objects, r)
		}
	}
	return objects, leases
}

// count counts requests by what they are about.
func count(all []request) map[string]int {
	out := make(map[string]int)
	for _, r := range all {
		out[r.what()]++
	}
	return out
}

// denied returns what was forbidden.
func denied(all []request) (out []string) {
	for _, r := range all {
		if r.ResponseStatus.Code == 403 {
			out = append(out, r.what())
		}
	}
	return out
}

// calm waits until the controllers have written nothing for a while, and returns all that they asked since the mark.
func (s *server) calm(mark int64) []request {
	s.t.Helper()
	const quiet = 1500 * time.Millisecond
	last, since := -1, time.Now()
	until(s.t, "the controllers rest", func() bool {
		objects, _ := writes(s.since(mark))
		if len(objects) != last {
			last, since = len(objects), time.Now()
		}
		time.Sleep(100 * time.Millisecond)
		return time.Since(since) > quiet
	})
	return s.since(mark)
}

// statusWrites returns how often the status of the busiest object was written, how often each kind's was, and the rest.
func statusWrites(objects []request) (most int, line string) {
	perObject, perKind := make(map[string]int), make(map[string]int)
	for _, r := range objects {
		kind := r.Verb + " " + r.resource()
		if r.ObjectRef != nil && r.ObjectRef.Subresource == "status" {
			perObject[r.what()+r.ObjectRef.Namespace]++
			most = max(most, perObject[r.what()+r.ObjectRef.Namespace])
			kind = r.resource() + "/status"
		}
		perKind[kind]++
	}
	var parts []string
	for kind, n := range perKind {
		parts = append(parts, fmt.Sprintf("%s %d", kind, n))
	}
	slices.Sort(parts)
	return most, strings.Join(parts, ", ")
}
