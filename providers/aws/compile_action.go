package aws

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// act lowers what a rule does.
func (l lowering) act(v *verdict, r *ir.Rule, a *atom) {
	switch action := r.Action.(type) {
	case *ir.Forward:
		l.forward(v, r, action, a)
	case *ir.Redirect:
		a.action = Action{Redirect: l.redirect(v, action, a.match.Path)}
	case *ir.Respond:
		a.action = Action{Fixed: v.respond(action)}
	default:
		v.refuse(cloud.Invalid, "it has no action")
	}
}

// respond lowers an answer without a backend.
func (v *verdict) respond(r *ir.Respond) *Fixed {
	if class := r.Status / 100; class != 2 && class != 4 && class != 5 {
		v.refuse(cloud.Unsupported, "an Application Load Balancer does not answer with status %d by itself", r.Status)
	}
	v.noHeaders(r.ResponseHeaders)
	return &Fixed{StatusCode: strconv.Itoa(r.Status), ContentType: "text/plain"}
}

func (v *verdict) noHeaders(edits ...ir.HeaderEdit) {
	for _, e := range edits {
		if len(e.Set)+len(e.Add)+len(e.Remove) > 0 {
			v.refuse(cloud.Unsupported, "an Application Load Balancer does not change headers by rule")
			return
		}
	}
}

// Keywords that stand for what the request had.
const (
	keepProtocol = "#{protocol}"
	keepHost     = "#{host}"
	keepPort     = "#{port}"
	keepPath     = "/#{path}"
	keepQuery    = "#{query}"
)

// redirect lowers a redirect. Of the path, AWS can keep all, replace all, or put something before it.
func (l lowering) redirect(v *verdict, r *ir.Redirect, match ir.PathMatch) *Redirect {
	out := &Redirect{Protocol: keepProtocol, Host: keepHost, Port: keepPort, Path: keepPath, Query: keepQuery}
	switch r.Status {
	case 301:
		out.StatusCode = "HTTP_301"
	case 302:
		out.StatusCode = "HTTP_302"
	default:
		v.refuse(cloud.Unsupported, "Application Load Balancers redirect with status 301 and 302, not with %d", r.Status)
	}
	v.noHeaders(r.ResponseHeaders)
	l.redirectTo(v, r, out)
	if r.Path != nil {
		v.redirectPath(r.Path, match, out)
	}
	if len(v.refusals) == 0 && out.Protocol == keepProtocol && out.Host == keepHost && out.Port == keepPort && out.Path == keepPath {
		v.refuse(cloud.Unsupported, "it redirects to where the request came from")
	}
	if strings.Contains(r.Hostname, "#{") || len(r.Hostname) > longestMatchValue {
		v.refuse(cloud.Unsupported, "it redirects to a host that AWS does not take")
	}
	return out
}

// redirectTo fills in scheme, host and port.
func (l lowering) redirectTo(v *verdict, r *ir.Redirect, out *Redirect) {
	if r.Hostname != "" {
		out.Host = r.Hostname
	}
	scheme := strings.ToUpper(r.Scheme)
	switch {
	case scheme == protocolHTTP && l.secure:
		v.refuse(cloud.Unsupported, "Application Load Balancers do not redirect from HTTPS to HTTP")
	case scheme == protocolHTTP:
		out.Protocol, out.Port = protocolHTTP, "80"
	case scheme == protocolHTTPS:
		out.Protocol, out.Port = protocolHTTPS, "443"
	case scheme != "":
		v.refuse(cloud.Unsupported, "Application Load Balancers do not redirect to %s", r.Scheme)
	}
	if r.Port != 0 {
		out.Port = strconv.Itoa(int(r.Port))
	}
}

func (v *verdict) redirectPath(edit *ir.PathEdit, match ir.PathMatch, out *Redirect) {
	value := edit.Value
	if value == "" {
		value = "/"
	}
	switch {
	case strings.Contains(value, "#{") || !visible(value) || len(value) > longestMatchValue:
		v.refuse(cloud.Unsupported, "it redirects to a path that AWS does not take")
	case edit.Kind == ir.ReplaceFullPath:
		out.Path = value
	case strings.TrimSuffix(match.Value, "/") == "" && match.Kind == ir.PathPrefix:
		out.Path = strings.TrimSuffix(value, "/") + keepPath
	default:
		v.refuse(cloud.Unsupported, "redirects of Application Load Balancers keep the path or replace all of it, and cannot replace the prefix %s of it", match.Value)
	}
}

// rewrite lowers a rewrite to transforms. They replace what an expression matches: of the host all of it, of the path and query the path, or
// the prefix that the rule has made sure of.
func (v *verdict) rewrite(r *ir.Rewrite, match ir.PathMatch, a *atom) {
	if r == nil {
		return
	}
	if r.Hostname != "" {
		a.hostRewrite = &Rewrite{Regex: "^.*$", Replace: r.Hostname}
	}
	if r.Path != nil {
		a.urlRewrite = v.pathRewrite(r.Path, match)
	}
	for _, t := range []*Rewrite{a.hostRewrite, a.urlRewrite} {
		if t == nil {
			continue
		}
		if strings.ContainsAny(t.Replace, `$\`) || !visible(t.Replace) {
			v.refuse(cloud.Unsupported, `it rewrites to %s, and AWS says of $ and \ only that they stand for something else`, t.Replace)
		}
		if len(t.Regex) > longestRewrite || len(t.Replace) > longestRewrite {
			v.refuse(cloud.Unsupported, "its rewrite has more than the %d characters that AWS takes", longestRewrite)
		}
	}
}

// pathRewrite follows the table of the Gateway API's HTTPPathModifier: what replaces a prefix joins what follows it with exactly one slash.
func (v *verdict) pathRewrite(edit *ir.PathEdit, match ir.PathMatch) *Rewrite {
	value := edit.Value
	if value == "" {
		value = "/"
	}
	if edit.Kind == ir.ReplaceFullPath {
		return &Rewrite{Regex: "^[^?]*", Replace: value}
	}
	if match.Kind != ir.PathPrefix {
		v.refuse(cloud.Invalid, "it replaces a prefix, and matches none")
		return nil
	}
	prefix := strings.TrimSuffix(match.Value, "/")
	switch {
	case prefix == "" && value == "/":
		return nil
	case prefix == "":
		return &Rewrite{Regex: "^/", Replace: strings.TrimSuffix(value, "/") + "/"}
	case strings.HasSuffix(value, "/"):
		return &Rewrite{Regex: "^" + regexp.QuoteMeta(prefix) + "/?", Replace: value}
	default:
		return &Rewrite{Regex: "^" + regexp.QuoteMeta(prefix), Replace: value}
	}
}
