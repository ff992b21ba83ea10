package aws

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// KindTrustStore is a trust store that was made of certificates of authorities: truststore/DIGEST. Its file in S3 is a part of it.
const KindTrustStore graph.Kind = "truststore"

// tagBundle says where the file of a trust store is: BUCKET/KEY. The settings that named the bucket may be gone when the trust store goes.
const tagBundle = "cloudgate.dev/bundle"

// What AWS takes as a trust store, and of them.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
const (
	mostVerifying    = 2        // listeners of an Application Load Balancer that verify clients
	mostAuthorities  = 25       // certificates of a trust store
	longestAuthority = 16 << 10 // bytes of one of them
)

// TrustStore is a trust store. It never changes: another content, bucket or prefix has another name.
type TrustStore struct {
	Marked
	Bundle string `json:"bundlePEM,omitempty"` // empty where it was observed
}

// Equal implements graph.Spec. Only tags are compared: the content is in the name.
func (w *TrustStore) Equal(got graph.Spec) bool { return equal(w, got) }

// Explain implements graph.Spec.
func (w *TrustStore) Explain(got graph.Spec) string { return explainSpec(w, got) }

// Describe implements graph.Describer.
func (w *TrustStore) Describe() string {
	n := strings.Count(w.Bundle, "-----BEGIN CERTIFICATE-----")
	if n == 1 {
		return "1 authority, in " + w.Tags[tagBundle]
	}
	return fmt.Sprintf("%d authorities, in %s", n, w.Tags[tagBundle])
}

func (w *TrustStore) content() *TrustStore { return &TrustStore{Marked: w.Marked.content()} }

func (w *TrustStore) seen(got *TrustStore) *TrustStore { return got }

// clientTrust says how the clients of a listener prove themselves, and what of that is in the graph. A listener whose clients cannot be asked is
// refused, with the servers that are left of it: it must not serve others.
func (c *compiler) clientTrust(l *ir.Listener, servers []ir.Server) (clients *MutualAuthentication, refs []graph.ID, ok bool) {
	if l.Clients == nil {
		return nil, nil, true
	}
	if l.Clients.InsecureFallback {
		return &MutualAuthentication{Mode: clientsPassed}, nil, true
	}
	clients = &MutualAuthentication{
		Mode: clientsVerified, IgnoreExpiry: c.settings.IgnoreClientCertificateExpiry, AdvertiseCANames: c.settings.AdvertiseTrustStoreCANames,
	}
	switch {
	case c.verifying >= mostVerifying:
		c.refuseServers(servers, cloud.Quota,
			fmt.Sprintf("an Application Load Balancer has at most %d ports at which it validates clients, and the Gateway has more", mostVerifying))
	case c.settings.TrustStoreARN != "" && !c.want.Approximate:
		c.refuseServers(servers, cloud.Unsupported,
			"spec.aws.trustStoreARN of the GatewayConfig has clients validated by another trust store than the referenced certificates: name a bucket in spec.aws.trustStoreBucket in its place, or let the class opt in to approximate features")
	case c.settings.TrustStoreARN != "":
		for i := range servers {
			c.differ(servers[i].Source, otherTrustStore)
		}
		clients.TrustStore = c.settings.TrustStoreARN
		return clients, nil, true
	case c.settings.TrustStoreBucket == nil:
		c.refuseServers(servers, cloud.Unsupported,
			"AWS makes the trust stores that validate clients of files in S3, and the GatewayConfig names no bucket in spec.aws.trustStoreBucket, nor a trust store in spec.aws.trustStoreARN")
	default:
		var id graph.ID
		if id, ok = c.trustStore(l, servers); ok {
			clients.TrustStore = id.Name
			return clients, []graph.ID{id}, true
		}
	}
	return nil, nil, false
}

// Modes of mutual authentication.
const (
	clientsVerified = "verify"
	clientsPassed   = "passthrough"
)

// trustStore adds the trust store that holds the authorities of a listener. Listeners with the same ones share it.
func (c *compiler) trustStore(l *ir.Listener, servers []ir.Server) (graph.ID, bool) {
	authorities := authoritiesIn(l.Clients.CAs)
	if n := len(authorities); n > mostAuthorities {
		c.refuseServers(servers, cloud.Quota, fmt.Sprintf("a trust store in AWS has at most %d certificates, and the referenced ones are %d", mostAuthorities, n))
		return graph.ID{}, false
	}
	var bundle []byte
	for _, der := range authorities {
		if len(der) > longestAuthority {
			c.refuseServers(servers, cloud.Quota,
				fmt.Sprintf("a certificate in a trust store in AWS has at most %d bytes, and one of the referenced ones has %d", longestAuthority, len(der)))
			return graph.ID{}, false
		}
		bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	b := c.settings.TrustStoreBucket
	id := graph.ID{Kind: KindTrustStore, Name: digest(20, string(bundle), b.Name, b.Prefix)}
	spec := &TrustStore{Marked: c.marks.mark(id.Name, sourceOf(l)), Bundle: string(bundle)}
	spec.Tags[tagBundle] = b.Name + "/" + path.Join(b.Prefix, bundleName(c.want.Owner.Key(), id))
	if _, shared := c.out.Graph[id]; !shared {
		c.add(graph.Node{ID: id, Spec: spec})
	}
	return id, true
}

// bundleName is what the file of a trust store is called, in whatever bucket and folder.
func bundleName(owner ir.OwnerKey, id graph.ID) string { return cloudName(owner, id) + ".pem" }

// authoritiesIn returns the certificates in PEM, in an order of their own and each once: the order of the references means nothing.
func authoritiesIn(text []byte) [][]byte {
	var list [][]byte
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			slices.SortFunc(list, bytes.Compare)
			return slices.CompactFunc(list, bytes.Equal)
		}
		if block.Type == "CERTIFICATE" {
			list = append(list, block.Bytes)
		}
	}
}
