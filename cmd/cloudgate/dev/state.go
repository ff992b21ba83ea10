package dev

import (
	"cmp"
	"slices"
	"strings"
)

// State is what `cloudgate dev` shows: every Gateway with its listeners and where they answer, every route, and what is wrong with
// each. It is one document of `-o json`.
type State struct {
	Cloud string `json:"cloud"`         // the URL of the fake cloud's API
	AWS   string `json:"aws,omitempty"` // the URL of the fake AWS
	// Settled tells that every object has been looked at as it is now and that the cloud is not working on anything.
	Settled bool `json:"settled"`
	// Converged is Settled with nothing wrong anywhere.
	Converged bool `json:"converged"`
	// Files are what cannot be read as it is now, with file and line; the objects that stood there before are kept.
	Files []string `json:"files,omitempty"`
	// CloudProblem is why the fake cloud refuses all changes for now: its disk is full, for example.
	CloudProblem string `json:"cloudProblem,omitempty"`
	// Problems are all that is wrong, each with its object first; the cloud and files that cannot be read come before the rest.
	Problems []string `json:"problems"`
	// Pending is what is being waited for, while it is not settled.
	Pending []string `json:"pending,omitempty"`
	// Warnings are what was left out and may well be meant for somebody else.
	Warnings []string  `json:"warnings,omitempty"`
	Gateways []Gateway `json:"gateways"`
	Routes   []Route   `json:"routes"`
}

// Gateway is one load balancer as its user sees it.
type Gateway struct {
	Namespace  string     `json:"namespace"`
	Name       string     `json:"name"`
	Class      string     `json:"class"`
	Programmed bool       `json:"programmed"`
	Addresses  []string   `json:"addresses"`
	Listeners  []Listener `json:"listeners"`
	Problems   []string   `json:"problems,omitempty"`
}

// Listener is one listener of a Gateway, or of a ListenerSet that is attached to it.
type Listener struct {
	Name     string `json:"name"`
	Set      string `json:"listenerSet,omitempty"` // namespace/name
	Port     int32  `json:"port"`
	Protocol string `json:"protocol"`
	Hostname string `json:"hostname,omitempty"`
	// Endpoint is where the listener answers. Its port is not Port where this user may not listen on that.
	Endpoint       string   `json:"endpoint,omitempty"`
	AttachedRoutes int32    `json:"attachedRoutes"`
	Programmed     bool     `json:"programmed"`
	Problems       []string `json:"problems,omitempty"`
}

// Route is a route of any kind.
type Route struct {
	Kind      string   `json:"kind"`
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Hostnames []string `json:"hostnames,omitempty"`
	Parents   []Parent `json:"parents"`
}

// Parent is a route's attachment to one parent.
type Parent struct {
	Kind      string   `json:"kind"` // Gateway or ListenerSet
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Section   string   `json:"section,omitempty"`
	Accepted  bool     `json:"accepted"`
	Resolved  bool     `json:"resolvedRefs"`
	Lost      bool     `json:"lost,omitempty"` // there is no such parent
	Problems  []string `json:"problems,omitempty"`
}

func (g Gateway) id() string { return "Gateway " + g.Namespace + "/" + g.Name }

func (r Route) id() string { return r.Kind + " " + r.Namespace + "/" + r.Name }

func (p Parent) id() string {
	id := p.Kind + " " + p.Namespace + "/" + p.Name
	if p.Section != "" {
		id += " section " + p.Section
	}
	return id
}

// finish sorts s and sums up what is wrong in it.
func (s *State) finish() {
	slices.SortFunc(s.Gateways, func(a, b Gateway) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	s.Problems = s.general()
	for _, g := range s.Gateways {
		for _, p := range g.Problems {
			s.Problems = append(s.Problems, g.id()+": "+p)
		}
		for _, l := range g.Listeners {
			for _, p := range l.Problems {
				s.Problems = append(s.Problems, g.id()+" listener "+l.Name+": "+p)
			}
		}
	}
	for _, r := range s.Routes {
		for _, parent := range r.Parents {
			for _, p := range parent.Problems {
				s.Problems = append(s.Problems, r.id()+" on "+parent.id()+": "+p)
			}
		}
	}
	s.Converged = s.Settled && len(s.Problems) == 0
}

// general returns the problems that are no object's.
func (s *State) general() []string {
	problems := append([]string{}, s.Files...)
	if s.CloudProblem != "" {
		problems = slices.Insert(problems, 0, "fake cloud: "+s.CloudProblem)
	}
	return problems
}

// line is one fact of a State: what it is about, and what is so. That one of passing is gone is not worth a word.
type line struct {
	about, what string
	passing     bool
}

// lines flattens s, so that two States can be compared fact by fact.
func (s State) lines() []line {
	var all []line
	if s.Cloud != "" {
		all = append(all, line{about: "fake cloud", what: s.Cloud})
	}
	if s.AWS != "" {
		all = append(all, line{about: "fake AWS", what: s.AWS})
	}
	if s.CloudProblem != "" {
		all = append(all, line{about: "fake cloud: " + s.CloudProblem})
	}
	for _, f := range s.Files {
		all = append(all, line{about: f, what: "the objects it had before are kept"})
	}
	for _, p := range s.Pending {
		all = append(all, line{about: "waiting: " + p, passing: true})
	}
	for _, w := range s.Warnings {
		all = append(all, line{about: w})
	}
	for _, g := range s.Gateways {
		state := "not programmed"
		if len(g.Problems) == 0 {
			state += " yet"
		}
		if g.Programmed {
			state = "programmed at " + strings.Join(g.Addresses, ", ")
		}
		all = append(all, line{about: g.id(), what: withProblems(state, g.Problems)})
		for _, l := range g.Listeners {
			all = append(all, line{about: g.id() + " listener " + l.Name, what: withProblems(l.summary(), l.Problems)})
		}
	}
	for _, r := range s.Routes {
		for _, p := range r.Parents {
			state := "not accepted"
			if len(p.Problems) == 0 {
				state += " yet"
			}
			if p.Accepted {
				state = "accepted"
			}
			all = append(all, line{about: r.id() + " on " + p.id(), what: withProblems(state, p.Problems)})
		}
	}
	return all
}

func withProblems(state string, problems []string) string {
	if len(problems) == 0 {
		return state
	}
	return state + "; " + strings.Join(problems, "; ")
}
