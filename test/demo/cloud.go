package main

import (
	"strings"
)

// cloud is a cloud that `cloudgate dev` has, and how it is for the demo.
type cloud struct {
	class string
	name  string
	// headers tells whether its load balancers change headers on the way.
	headers bool
	// checksFirst tells that its load balancers send nothing to a target before they have checked it.
	checksFirst bool
	note        string
}

var clouds = map[string]cloud{
	"fake": {class: "fake", name: "fake cloud", headers: true},
	"aws": {class: "aws", name: "fake AWS", checksFirst: true,
		note: "The class is aws: what serves is an Application Load Balancer of a fake AWS. Those change no headers, so the quickstart's filter that does\n" +
			"is left out: Cloudgate would refuse its rule, and say so in the status of the route."},
}

// headerFilter is what the quickstart has to change a header.
const headerFilter = `    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier:
        add:
        - {name: X-Served-By, value: cloudgate}
`

// adapt returns a manifest of the quickstart for the cloud.
func (c cloud) adapt(manifest string) string {
	manifest = strings.ReplaceAll(manifest, "gatewayClassName: fake", "gatewayClassName: "+c.class)
	if !c.headers {
		manifest = strings.ReplaceAll(manifest, headerFilter, "")
	}
	return manifest
}
