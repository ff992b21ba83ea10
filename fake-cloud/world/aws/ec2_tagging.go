package aws

import (
	"context"
	"maps"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// tagBatch is how many resources one call may name.
const tagBatch = 1000

// ec2Kind is a kind of resource of EC2 that can have tags.
type ec2Kind struct {
	prefix string // of ids
	kind   types.ResourceType
	table  anyTable
	absent func(id string) error
}

// ec2Kinds are in the order of their tables.
func (r *Region) ec2Kinds() []ec2Kind {
	return []ec2Kind{
		{"vpc", types.ResourceTypeVpc, r.vpcs, absentVPC},
		{"subnet", types.ResourceTypeSubnet, r.subnets, absentSubnet},
		{"igw", types.ResourceTypeInternetGateway, r.internetGateways, absentGateway},
		{"rtb", types.ResourceTypeRouteTable, r.routeTables, absentRouteTable},
		{"sg", types.ResourceTypeSecurityGroup, r.securityGroups, absentGroup},
		{"sgr", types.ResourceTypeSecurityGroupRule, r.securityGroupRules, absentRule},
		{"i", types.ResourceTypeInstance, r.instances, absentInstance},
		{"eni", types.ResourceTypeNetworkInterface, r.interfaces, absentInterface},
	}
}

// taggedRow finds a resource of EC2 by its id.
func (r *Region) taggedRow(id string) (anyTable, row, error) {
	prefix, _, ok := strings.Cut(id, "-")
	for _, k := range r.ec2Kinds() {
		if !ok || k.prefix != prefix {
			continue
		}
		if found, ok := k.table.find(id); ok {
			return k.table, found, nil
		}
		return nil, nil, k.absent(id)
	}
	return nil, nil, faultf("InvalidID", "The ID '%s' is not valid", clip(id))
}

// CreateTags sets tags of resources, of all or of none.
func (r *Region) CreateTags(_ context.Context, in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	if len(in.Tags) == 0 {
		return nil, faultf("MissingParameter", "The request must contain the parameter tagSet")
	}
	tags, err := readTags(in.Tags)
	if err != nil {
		return nil, err
	}
	err = r.editTags(in.Resources, func(all map[string]string) { maps.Copy(all, tags) })
	if err != nil {
		return nil, err
	}
	return &ec2.CreateTagsOutput{}, nil
}

// DeleteTags removes tags from resources: one that is given with a value only where it has that, and without any, all but those of AWS.
func (r *Region) DeleteTags(_ context.Context, in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	for _, t := range in.Tags {
		if err := checkTagKey(awssdk.ToString(t.Key)); err != nil {
			return nil, err
		}
	}
	err := r.editTags(in.Resources, func(all map[string]string) {
		maps.DeleteFunc(all, func(key, value string) bool {
			if strings.HasPrefix(key, "aws:") {
				return false
			}
			return len(in.Tags) == 0 || slices.ContainsFunc(in.Tags, func(t types.Tag) bool {
				return awssdk.ToString(t.Key) == key && (t.Value == nil || *t.Value == value)
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteTagsOutput{}, nil
}

func (r *Region) editTags(ids []string, change func(map[string]string)) error {
	if len(ids) == 0 {
		return faultf("MissingParameter", "The request must contain the parameter resourceIdSet")
	}
	if len(ids) > tagBatch {
		return faultf("InvalidParameterValue", "The maximum number of resources in one request is %d", tagBatch)
	}
	return r.write(func(x *tx) error {
		for _, id := range ids {
			table, found, err := r.taggedRow(id)
			if err != nil {
				return err
			}
			tags := maps.Clone(found.meta().Tags)
			if tags == nil {
				tags = map[string]string{}
			}
			change(tags)
			if err := checkTagCount(tags); err != nil {
				return err
			}
			next := table.clone(found)
			next.meta().Tags = tags
			x.put(table, next)
		}
		return nil
	})
}

// tagRow is one tag of one resource.
type tagRow struct {
	Meta
	description types.TagDescription
}

// tagTable shows the tags of EC2's resources as rows.
type tagTable []*tagRow

func (t tagTable) get(string) (*tagRow, bool) { return nil, false }
func (t tagTable) all() []*tagRow             { return t }

// EC2DescribeTags is the DescribeTags of EC2: the tags of all its resources, one by one.
func (r *Region) EC2DescribeTags(_ context.Context, in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	out := &ec2.DescribeTagsOutput{}
	err := r.read(func() (err error) {
		out.Tags, out.NextToken, err = ec2Query[*tagRow, types.TagDescription]{
			region: r, table: r.allTags(), show: func(t *tagRow) types.TagDescription { return t.description },
			fields: tagFields, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		}.run()
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// tagsPerRow is more than a resource may have: it makes room for a position of each tag after that of its resource.
const tagsPerRow = 64

func (r *Region) allTags() tagTable {
	var rows tagTable
	for _, k := range r.ec2Kinds() {
		k.table.each(func(found row) {
			m := found.meta()
			for i, key := range slices.Sorted(maps.Keys(m.Tags)) {
				t := &tagRow{Meta: *m, description: types.TagDescription{
					Key: ptr(key), Value: ptr(m.Tags[key]), ResourceId: &m.Key, ResourceType: k.kind,
				}}
				t.Seq = m.Seq*tagsPerRow + uint64(i)
				rows = append(rows, t)
			}
		})
	}
	slices.SortFunc(rows, func(a, b *tagRow) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	return rows
}

var tagFields = filterTable[types.TagDescription]{
	tags: func(t *types.TagDescription) []types.Tag { return []types.Tag{{Key: t.Key, Value: t.Value}} },
	fields: map[string]func(*types.TagDescription) []string{
		"key":           func(t *types.TagDescription) []string { return ofString(t.Key) },
		"resource-id":   func(t *types.TagDescription) []string { return ofString(t.ResourceId) },
		"resource-type": func(t *types.TagDescription) []string { return ofEnum(t.ResourceType) },
		"value":         func(t *types.TagDescription) []string { return ofString(t.Value) },
	},
}
