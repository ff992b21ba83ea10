package admin

import (
	"net/http"
	"strconv"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/world/aws"
)

func (a *Admin) listIdentities(*http.Request) (any, error) {
	return map[string]any{"items": a.cfg.Cloud.IdentityProviders()}, nil
}

// trustIdentity has STS take the tokens of an issuer, in the place of what was registered for it.
func (a *Admin) trustIdentity(r *http.Request) (any, error) {
	var p aws.IdentityProvider
	if err := read(r, &p); err != nil {
		return nil, err
	}
	if err := a.cfg.Cloud.TrustIdentityProvider(p); err != nil {
		return nil, err
	}
	return made{p}, nil
}

// distrustIdentity ends that for the one that ?issuer= names.
func (a *Admin) distrustIdentity(r *http.Request) (any, error) {
	issuer := r.URL.Query().Get("issuer")
	was, err := a.cfg.Cloud.DistrustIdentityProvider(issuer)
	if err == nil && !was {
		err = &refusal{http.StatusNotFound, "NotFound", "identity provider " + strconv.Quote(issuer) + " is not registered"}
	}
	return nil, err
}
