package fake

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Labels on everything that this provider makes.
const (
	labelCluster   = "cloudgate.dev/cluster"
	labelOwner     = "cloudgate.dev/owner"             // the UID of the Gateway
	labelNamespace = "cloudgate.dev/gateway-namespace" // for people
	labelGateway   = "cloudgate.dev/gateway-name"      // for people
	labelName      = "cloudgate.dev/name"              // the name in the graph, which may be longer than the cloud allows
)

// longestName is how long a name can be in the cloud.
const longestName = 255

// marks makes the names and labels of one owner's resources.
type marks struct {
	owner  ir.Owner
	labels []ir.Label
	prefix string // of names that are unique in the whole account
}

func newMarks(want *ir.LoadBalancer) marks {
	return marks{owner: want.Owner, labels: want.Labels, prefix: digest(want.Owner.Cluster, want.Owner.UID) + "/"}
}

// mark returns the mark of the resource that has name in the graph. account tells that its name has to be unique in the account, and
// not only in its container.
func (m marks) mark(name string, account bool, source ir.Source) Marked {
	labels := make(map[string]string, len(m.labels)+5)
	for _, l := range m.labels {
		labels[l.Key] = l.Value
	}
	labels[labelCluster] = m.owner.Cluster
	labels[labelOwner] = m.owner.UID
	labels[labelNamespace] = m.owner.Namespace
	labels[labelGateway] = m.owner.Name
	labels[labelName] = name
	cloudName := name
	if account {
		cloudName = m.prefix + name
	}
	return Marked{Labels: labels, name: cleanName(cloudName), source: source}
}

// ownerOf reads a mark.
func ownerOf(labels map[string]string) ir.OwnerKey {
	return ir.OwnerKey{Cluster: labels[labelCluster], UID: labels[labelOwner]}
}

// cleanName returns name as the cloud allows it. What has to be changed is told apart by a digest of the whole.
func cleanName(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._/-", r):
			return r
		default:
			return '-'
		}
	}, name)
	if clean == name && len(name) <= longestName && name != "" {
		return name
	}
	end := "-" + digest(name)
	return clean[:min(len(clean), longestName-len(end))] + end
}

// digest is short and names things; it protects nothing.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
