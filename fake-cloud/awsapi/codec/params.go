package codec

import (
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Limits on what a client may send.
const (
	maxParams = 20000
	maxDepth  = 30
)

// params are the parameters of a query as a tree: "Actions.member.1.Type=forward" is the leaf Type in 1 in member in Actions.
type params struct {
	value string
	set   bool // a value was given here, as in "Actions=" for an empty list
	below map[string]*params
}

// readForm reads the body of a POST, or the query of a GET.
func readForm(r *http.Request, body []byte) (*params, error) {
	text := r.URL.RawQuery
	if r.Method == http.MethodPost {
		text = string(body)
	}
	if strings.Count(text, "&") > maxParams {
		return nil, badRequest("MalformedQueryString", "The query has over %d parameters", maxParams)
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, badRequest("MalformedQueryString", "The query string contains a syntax error")
	}
	root := &params{}
	for key, given := range values {
		if err := root.put(key, given[len(given)-1]); err != nil {
			return nil, err
		}
	}
	return root, nil
}

func (p *params) put(key, value string) error {
	at, depth := p, 0
	for part := range strings.SplitSeq(key, ".") {
		if depth++; depth > maxDepth {
			return badRequest("MalformedQueryString", "A parameter is nested too deeply")
		}
		if at.below == nil {
			at.below = map[string]*params{}
		}
		next := at.below[part]
		if next == nil {
			next = &params{}
			at.below[part] = next
		}
		at = next
	}
	at.value, at.set = value, true
	return nil
}

// at returns the parameters below a name; nil where there are none.
func (p *params) at(name string) *params {
	if p == nil {
		return nil
	}
	return p.below[name]
}

// text returns the value of a leaf directly below.
func (p *params) text(name string) string {
	if leaf := p.at(name); leaf != nil {
		return leaf.value
	}
	return ""
}

// elements returns what is numbered below, in the order of the numbers. The numbers may have gaps.
func (p *params) elements() []*params {
	type element struct {
		n int
		p *params
	}
	var found []element
	for _, name := range slices.Sorted(maps.Keys(p.below)) {
		if n, err := strconv.Atoi(name); err == nil && n > 0 && n <= math.MaxInt32 {
			found = append(found, element{n, p.below[name]})
		}
	}
	slices.SortStableFunc(found, func(a, b element) int { return a.n - b.n })
	list := make([]*params, 0, len(found))
	for _, e := range found {
		list = append(list, e.p)
	}
	return list
}
