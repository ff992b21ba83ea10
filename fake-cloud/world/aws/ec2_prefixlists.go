package aws

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// managedPrefixList is a list of networks that AWS keeps. In a security group it counts as weight rules.
type managedPrefixList struct {
	service string // what the list's name ends with
	weight  int
	global  bool // the name has no region
}

// managedPrefixLists are the lists that there are in every region.
var managedPrefixLists = map[string]managedPrefixList{
	"pl-63a5400a": {"s3", 15, false},
	"pl-02cd2c6b": {"dynamodb", 10, false},
	"pl-3b927c52": {"cloudfront.origin-facing", 55, true},
}

// prefixListRow is a list as a row. There is no table of them: they cannot be changed.
type prefixListRow struct {
	Meta
	list managedPrefixList
}

type prefixListTable []*prefixListRow

func (t prefixListTable) all() []*prefixListRow { return t }

func (t prefixListTable) get(id string) (*prefixListRow, bool) {
	i := slices.IndexFunc(t, func(r *prefixListRow) bool { return r.Key == id })
	if i < 0 {
		return nil, false
	}
	return t[i], true
}

// DescribeManagedPrefixLists lists the lists of networks that rules of security groups can name.
func (r *Region) DescribeManagedPrefixLists(_ context.Context, in *ec2.DescribeManagedPrefixListsInput) (*ec2.DescribeManagedPrefixListsOutput, error) {
	var rows prefixListTable
	for i, id := range slices.Sorted(maps.Keys(managedPrefixLists)) {
		rows = append(rows, &prefixListRow{Meta{Key: id, Seq: uint64(i + 1)}, managedPrefixLists[id]})
	}
	out := &ec2.DescribeManagedPrefixListsOutput{}
	err := r.read(func() (err error) {
		out.PrefixLists, out.NextToken, err = ec2Query[*prefixListRow, types.ManagedPrefixList]{
			region: r, table: rows, ids: in.PrefixListIds, param: "prefixListId", absent: absentPrefixList, show: r.showPrefixList,
			fields: prefixListFields, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		}.run()
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (r *Region) showPrefixList(p *prefixListRow) types.ManagedPrefixList {
	where := r.name
	if p.list.global {
		where = "global"
	}
	return types.ManagedPrefixList{
		PrefixListId: &p.Key, PrefixListName: ptr("com.amazonaws." + where + "." + p.list.service), AddressFamily: ptr("IPv4"), OwnerId: ptr("AWS"),
		PrefixListArn: ptr("arn:" + r.partition() + ":ec2:" + r.name + ":aws:prefix-list/" + p.Key), State: types.PrefixListStateCreateComplete,
	}
}

func absentPrefixList(id string) error {
	return faultf("InvalidPrefixListID.NotFound", "The prefix list ID '%s' does not exist", clip(id))
}

var prefixListFields = filterTable[types.ManagedPrefixList]{
	tags: func(p *types.ManagedPrefixList) []types.Tag { return p.Tags },
	fields: map[string]func(*types.ManagedPrefixList) []string{
		"owner-id":         func(p *types.ManagedPrefixList) []string { return ofString(p.OwnerId) },
		"prefix-list-id":   func(p *types.ManagedPrefixList) []string { return ofString(p.PrefixListId) },
		"prefix-list-name": func(p *types.ManagedPrefixList) []string { return ofString(p.PrefixListName) },
	},
}
