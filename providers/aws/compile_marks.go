package aws

import (
	"strings"

	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// What AWS takes as a tag. Names in the graph are tags too, so that they can be read back.
const (
	longestTagKey   = 128
	longestTagValue = 256
	mostTags        = 50
)

// marks makes the tags of one owner's resources.
type marks struct {
	owner ir.Owner
	tags  map[string]string // that the user asks for
}

func newMarks(want *ir.LoadBalancer, s settings) (m marks, refused []string) {
	m = marks{owner: want.Owner, tags: make(map[string]string, len(want.Labels)+len(s.Tags))}
	for _, l := range want.Labels {
		if !validTag(l.Key, l.Value) {
			refused = append(refused, l.Key)
			continue
		}
		m.tags[l.Key] = l.Value
	}
	for key, value := range s.Tags {
		m.tags[key] = value
	}
	return m, refused
}

// validTag tells whether AWS takes a label as a tag.
func validTag(key, value string) bool {
	return key != "" && len(key) <= longestTagKey && len(value) <= longestTagValue &&
		!strings.HasPrefix(strings.ToLower(key), "aws:") && tagText(key) == key && tagText(value) == value
}

// mark returns the mark of the resource that has name in the graph.
func (m marks) mark(name string, source ir.Source) Marked {
	tags := make(map[string]string, len(m.tags)+5)
	for key, value := range m.tags {
		tags[key] = value
	}
	tags[tagCluster] = m.owner.Cluster
	tags[tagOwner] = m.owner.UID
	tags[tagNamespace] = m.owner.Namespace
	tags[tagGateway] = m.owner.Name
	tags[tagName] = name
	return Marked{Tags: tags, source: source}
}

// nodeName makes a name of a resource in the graph from parts: what the value of a tag can hold. What has to be changed for that is told
// apart by a digest of the whole.
func nodeName(parts ...string) string {
	name := strings.Join(parts, "/")
	clean := tagText(name)
	if clean == name && len(name) <= longestTagValue {
		return name
	}
	end := "-" + digest(12, name)
	return clean[:min(len(clean), longestTagValue-len(end))] + end
}

// tagText replaces the characters that tags cannot have.
func tagText(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._:/=+@- ", r):
			return r
		default:
			return '-'
		}
	}, text)
}
