package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudgate-dev/cloudgate/pkg/graph"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Tags on everything that this provider makes.
const (
	tagCluster   = "cloudgate.dev/cluster"
	tagOwner     = "cloudgate.dev/owner"             // the UID of the Gateway
	tagNamespace = "cloudgate.dev/gateway-namespace" // for people
	tagGateway   = "cloudgate.dev/gateway-name"      // for people
	tagName      = "cloudgate.dev/name"              // the name in the graph, which may be longer than the cloud allows
)

// ownerOf reads a mark.
func ownerOf(tags map[string]string) ir.OwnerKey {
	return ir.OwnerKey{Cluster: tags[tagCluster], UID: tags[tagOwner]}
}

// ownerPrefix begins the names of all that an owner has in AWS, so that a list tells what can be the owner's without asking for tags. The
// mark is the tags all the same.
func ownerPrefix(owner ir.OwnerKey) string {
	return clusterPrefix(owner.Cluster) + digest(8, owner.UID) + "-"
}

// clusterPrefix begins the names of all that the Gateways of a cluster have in AWS.
func clusterPrefix(cluster string) string { return namePrefix + digest(6, cluster) + "-" }

// namePrefix begins all names that this provider gives.
const namePrefix = "cg-"

// cloudName is what a resource is called in AWS: 29 characters, where elbv2 allows 32.
func cloudName(owner ir.OwnerKey, id graph.ID) string {
	return ownerPrefix(owner) + digest(10, string(id.Kind), id.Name)
}

// digest is short and names things; it protects nothing.
func digest(length int, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))[:length]
}

func elbTags(tags map[string]string) []elbtypes.Tag {
	out := make([]elbtypes.Tag, 0, len(tags))
	for _, key := range sortedKeys(tags) {
		out = append(out, elbtypes.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return out
}

func ec2Tags(tags map[string]string) []ec2types.Tag {
	out := make([]ec2types.Tag, 0, len(tags))
	for _, key := range sortedKeys(tags) {
		out = append(out, ec2types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return out
}

func acmTags(tags map[string]string) []acmtypes.Tag {
	out := make([]acmtypes.Tag, 0, len(tags))
	for _, key := range sortedKeys(tags) {
		out = append(out, acmtypes.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return out
}

// tagChanges returns what has to be set and what has to be taken away to make got want. Tags that AWS itself sets (aws:...) stay.
func tagChanges(want, got map[string]string) (set map[string]string, remove []string) {
	set = make(map[string]string)
	for key, value := range want {
		if had, has := got[key]; !has || had != value {
			set[key] = value
		}
	}
	for _, key := range sortedKeys(got) {
		if _, wanted := want[key]; !wanted && !isReserved(key) {
			remove = append(remove, key)
		}
	}
	return set, remove
}

// isReserved tells whether a tag is AWS's own.
func isReserved(key string) bool { return strings.HasPrefix(strings.ToLower(key), "aws:") }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
