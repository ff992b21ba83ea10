package aws_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	provider "github.com/cloudgate-dev/cloudgate/providers/aws"
)

// TestShallowAgreesWithDeep: the controller takes what it knows for true as long as a cheap look at the cluster shows the same names.
func TestShallowAgreesWithDeep(t *testing.T) {
	a := openAccount(t, nil)
	want := secure(t, "one", "two")
	want[accessID] = graph.Node{ID: accessID, Refs: []graph.ID{groupID}, Spec: &provider.NodeAccess{
		Marked: mark("backend"), Groups: []string{a.nodeGroup(t, "nodes")}, Sources: []string{"frontend"},
		Ports: []provider.PortRange{{Protocol: "tcp", From: 80, To: 90}},
	}}
	deep := converge(t, a.provider, want)
	all, err := a.provider.Observe(t.Context(), cloud.Scope{Cluster: testOwner.Cluster})
	check(t, err)
	shallow := all[testOwner.Key()]
	for id, n := range deep {
		s, there := shallow[id]
		switch {
		case n.Within != (graph.ID{}):
			if there {
				t.Errorf("%s is within another, and was read", id)
			}
		case !there || s.External != n.External || s.Pending != n.Pending:
			t.Errorf("%s: want %q %q, got %q %q", id, n.External, n.Pending, s.External, s.Pending)
		case s.Spec != nil:
			t.Errorf("%s has content", id)
		}
	}
	if len(shallow) != 7 {
		t.Errorf("want 7 nodes, got %v", shallow.Sorted())
	}
	none, err := a.provider.Observe(t.Context(), cloud.Scope{Cluster: "another"})
	check(t, err)
	if len(none) != 0 {
		t.Errorf("another cluster shows %v", none)
	}
}

// TestTwinsAreDissolved has a certificate imported twice, as a call that was sent again by somebody on the way would.
func TestTwinsAreDissolved(t *testing.T) {
	a := openAccount(t, nil)
	want := secure(t, "one")
	converge(t, a.provider, want)
	chain, key := keyPair(t, "one.example.com")
	in := &acm.ImportCertificateInput{Certificate: chain, PrivateKey: key}
	for tag, value := range mark("one").Tags {
		in.Tags = append(in.Tags, acmtypes.Tag{Key: aws.String(tag), Value: aws.String(value)})
	}
	_, err := a.region.ImportCertificate(t.Context(), in)
	check(t, err)
	converge(t, a.provider, want)
	if n := a.Resources(t); n != len(want) {
		t.Errorf("want %d resources, got %d", len(want), n)
	}
}
