package proxy

import (
	"errors"
	"fmt"

	"github.com/cloudgate-dev/cloudgate/pkg/proxy/h1"
)

// policy is how the listener treats HTTP; nil where it is as the engine does by itself.
func (x *exchange) policy() *HTTPPolicy { return x.version.site.policy }

// check says why p cannot be followed. Whoever writes it must not be able to write other fields with it.
func (p *HTTPPolicy) check() error {
	switch {
	case p == nil:
		return nil
	case !h1.ValidField("Server", p.Server):
		return errors.New("the value of Server is not one")
	case p.TraceField != "" && !fieldAllowed(p.TraceField, ""):
		return errors.New("the field of traces is not one")
	}
	for _, name := range []string{p.TLSVersion, p.TLSSuite} {
		if name != "" && !fieldAllowed(name, "") {
			return errors.New("the field for TLS is not one")
		}
	}
	if p.Incompatible != 0 && (p.Incompatible < 200 || p.Incompatible > 999) {
		return errors.New("the status for what endpoints do not speak is not one")
	}
	for status, page := range p.Pages {
		if page != nil && (!h1.ValidField("Content-Type", page.ContentType) || page.Status != 0 && (page.Status < 200 || page.Status > 999)) {
			return fmt.Errorf("the page for %d is not one", status)
		}
	}
	for status, phrase := range p.Phrases {
		if !h1.ValidField("Reason", phrase) {
			return fmt.Errorf("the phrase for %d is not one", status)
		}
	}
	return nil
}

func (p *HTTPPolicy) allowsHTTP2() bool { return p == nil || !p.NoHTTP2 }

// page is what is answered instead of the proxy's own words; nil for nothing else.
func (x *exchange) page(status int) *Page {
	if p := x.policy(); p != nil {
		return p.Pages[status]
	}
	return nil
}

// show answers with a page for status.
func (x *exchange) show(page *Page, status int) {
	if page.Status != 0 {
		status = page.Status
	}
	x.own(status)
	if page.ContentType != "" {
		x.resp.Add("Content-Type", page.ContentType)
	}
	x.send(page.Body)
}
