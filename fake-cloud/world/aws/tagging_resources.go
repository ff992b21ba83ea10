package aws

import (
	"context"
	"maps"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	rgt "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
)

// Bounds of the tagging API.
const (
	resourcesPerPage    = 100
	defaultPerPage      = 50
	maxTagFilters       = 50
	maxFilterValues     = 20
	maxResourcesPerCall = 20
	maxARNsPerCall      = 100
)

// tagged is one resource of any service that can have tags.
type tagged struct {
	arn   string
	table anyTable
	row   row
}

// taggables returns all resources that can have tags, oldest first. The lock is held.
func (r *Region) taggables() []tagged {
	var all []tagged
	for _, k := range r.ec2Kinds() {
		k.table.each(func(found row) {
			all = append(all, tagged{r.arn("ec2", string(k.kind)+"/"+found.meta().Key), k.table, found})
		})
	}
	for _, t := range []anyTable{r.loadBalancers, r.targetGroups, r.elbListeners, r.rules, r.trustStores, r.certificates, r.webACLs} {
		t.each(func(found row) {
			all = append(all, tagged{found.meta().Key, t, found})
		})
	}
	slices.SortFunc(all, func(a, b tagged) int {
		if a.row.meta().Seq < b.row.meta().Seq {
			return -1
		}
		return 1
	})
	return all
}

// isOfType reports whether an ARN is of the service, or of the service and type, that a filter names: "ec2", "ec2:subnet",
// "elasticloadbalancing:loadbalancer/app".
func isOfType(arn, filter string) bool {
	parts := strings.SplitN(arn, ":", 6)
	service, kind, typed := strings.Cut(filter, ":")
	if len(parts) < 6 || parts[2] != service {
		return false
	}
	return !typed || strings.HasPrefix(parts[5], kind+"/")
}

func rgtInvalid(format string, args ...any) *Fault {
	return faultf("InvalidParameterException", format, args...)
}

// GetResources lists what has tags, of all services.
func (r *Region) GetResources(_ context.Context, in *rgt.GetResourcesInput) (*rgt.GetResourcesOutput, error) {
	limit, err := checkGetResources(in)
	if err != nil {
		return nil, err
	}
	out := &rgt.GetResourcesOutput{PaginationToken: ptr(""), ResourceTagMappingList: []types.ResourceTagMapping{}}
	err = r.read(func() error {
		var matching []tagged
		for _, t := range r.taggables() {
			if len(t.row.meta().Tags) > 0 && !r.unseen(t.row.meta()) && wantedResource(t, in) {
				matching = append(matching, t)
			}
		}
		some, next, ok := page(matching, func(t tagged) uint64 { return t.row.meta().Seq }, in.PaginationToken, limit)
		if !ok {
			return rgtInvalid("The pagination token is not valid")
		}
		if next != nil {
			out.PaginationToken = next
		}
		for _, t := range some {
			m := types.ResourceTagMapping{ResourceARN: ptr(t.arn), Tags: rgtTagSet(t.row.meta().Tags)}
			if awssdk.ToBool(in.IncludeComplianceDetails) {
				m.ComplianceDetails = &types.ComplianceDetails{ComplianceStatus: ptr(true)}
			}
			out.ResourceTagMappingList = append(out.ResourceTagMappingList, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// checkGetResources returns how many resources are on a page.
func checkGetResources(in *rgt.GetResourcesInput) (int, error) {
	limit := defaultPerPage
	if n := in.ResourcesPerPage; n != nil {
		if *n < 1 || *n > resourcesPerPage {
			return 0, rgtInvalid("ResourcesPerPage must be between 1 and %d", resourcesPerPage)
		}
		limit = int(*n)
	}
	if n := in.TagsPerPage; n != nil && (*n < 100 || *n > 500) {
		return 0, rgtInvalid("TagsPerPage must be between 100 and 500")
	}
	paged := in.ResourcesPerPage != nil || in.TagsPerPage != nil || awssdk.ToString(in.PaginationToken) != ""
	if len(in.ResourceARNList) > 0 {
		if len(in.ResourceTypeFilters) > 0 || len(in.TagFilters) > 0 || paged {
			return 0, rgtInvalid("ResourceARNList cannot be combined with ResourceTypeFilters, TagFilters or pagination")
		}
		if len(in.ResourceARNList) > maxARNsPerCall {
			return 0, rgtInvalid("ResourceARNList can have at most %d ARNs", maxARNsPerCall)
		}
		limit = len(in.ResourceARNList)
	}
	if awssdk.ToBool(in.ExcludeCompliantResources) && !awssdk.ToBool(in.IncludeComplianceDetails) {
		return 0, rgtInvalid("ExcludeCompliantResources can be used only with IncludeComplianceDetails")
	}
	if len(in.TagFilters) > maxTagFilters {
		return 0, rgtInvalid("There can be at most %d tag filters", maxTagFilters)
	}
	for _, f := range in.TagFilters {
		if awssdk.ToString(f.Key) == "" || len(f.Values) > maxFilterValues {
			return 0, rgtInvalid("A tag filter must have a key and at most %d values", maxFilterValues)
		}
	}
	return limit, nil
}

func wantedResource(t tagged, in *rgt.GetResourcesInput) bool {
	if len(in.ResourceARNList) > 0 {
		return slices.Contains(in.ResourceARNList, t.arn)
	}
	if awssdk.ToBool(in.ExcludeCompliantResources) {
		return false // there are no tag policies: everything complies
	}
	if len(in.ResourceTypeFilters) > 0 && !slices.ContainsFunc(in.ResourceTypeFilters, func(f string) bool { return isOfType(t.arn, f) }) {
		return false
	}
	tags := t.row.meta().Tags
	return !slices.ContainsFunc(in.TagFilters, func(f types.TagFilter) bool {
		value, ok := tags[awssdk.ToString(f.Key)]
		return !ok || len(f.Values) > 0 && !slices.Contains(f.Values, value)
	})
}

func rgtTagSet(tags map[string]string) []types.Tag {
	out := make([]types.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: ptr(key), Value: ptr(tags[key])})
	}
	return out
}

// TagResources sets tags of resources of any service. What cannot be tagged is told for each resource.
func (r *Region) TagResources(_ context.Context, in *rgt.TagResourcesInput) (*rgt.TagResourcesOutput, error) {
	if len(in.Tags) == 0 || len(in.Tags) > tagLimit {
		return nil, rgtInvalid("There must be 1 to %d tags", tagLimit)
	}
	for key, value := range in.Tags {
		if checkTagKey(key) != nil || !taggable(key) || !taggable(value) || len([]rune(value)) > 256 {
			return nil, rgtInvalid("Tag '%s' is not valid", clip(key))
		}
	}
	failed, err := r.editResources(in.ResourceARNList, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
	if err != nil {
		return nil, err
	}
	return &rgt.TagResourcesOutput{FailedResourcesMap: failed}, nil
}

// UntagResources removes tags from resources of any service.
func (r *Region) UntagResources(_ context.Context, in *rgt.UntagResourcesInput) (*rgt.UntagResourcesOutput, error) {
	if len(in.TagKeys) == 0 || len(in.TagKeys) > tagLimit {
		return nil, rgtInvalid("There must be 1 to %d tag keys", tagLimit)
	}
	failed, err := r.editResources(in.ResourceARNList, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
	if err != nil {
		return nil, err
	}
	return &rgt.UntagResourcesOutput{FailedResourcesMap: failed}, nil
}

func (r *Region) editResources(arns []string, change func(map[string]string)) (map[string]types.FailureInfo, error) {
	if len(arns) == 0 || len(arns) > maxResourcesPerCall {
		return nil, rgtInvalid("There must be 1 to %d resources", maxResourcesPerCall)
	}
	failed := map[string]types.FailureInfo{}
	err := r.write(func(x *tx) error {
		byARN := map[string]tagged{}
		for _, t := range r.taggables() {
			byARN[t.arn] = t
		}
		for _, arn := range arns {
			t, ok := byARN[arn]
			if !ok {
				failed[arn] = failure("The resource does not exist")
				continue
			}
			tags := maps.Clone(t.row.meta().Tags)
			if tags == nil {
				tags = map[string]string{}
			}
			change(tags)
			if checkTagCount(tags) != nil {
				failed[arn] = failure("The resource would have more than the maximum number of tags")
				continue
			}
			next := t.table.clone(t.row)
			next.meta().Tags = tags
			x.put(t.table, next)
			t.row = next
			byARN[arn] = t
		}
		return nil
	})
	return failed, err
}

func failure(message string) types.FailureInfo {
	return types.FailureInfo{ErrorCode: types.ErrorCodeInvalidParameterException, ErrorMessage: &message, StatusCode: 400}
}

// GetTagKeys lists the keys of all tags.
func (r *Region) GetTagKeys(_ context.Context, in *rgt.GetTagKeysInput) (*rgt.GetTagKeysOutput, error) {
	keys, next, err := r.tagWords(in.PaginationToken, func(tags map[string]string, found map[string]bool) {
		for key := range tags {
			found[key] = true
		}
	})
	if err != nil {
		return nil, err
	}
	return &rgt.GetTagKeysOutput{TagKeys: keys, PaginationToken: next}, nil
}

// GetTagValues lists the values that tags with a key have.
func (r *Region) GetTagValues(_ context.Context, in *rgt.GetTagValuesInput) (*rgt.GetTagValuesOutput, error) {
	if awssdk.ToString(in.Key) == "" {
		return nil, rgtInvalid("There must be a key")
	}
	values, next, err := r.tagWords(in.PaginationToken, func(tags map[string]string, found map[string]bool) {
		if value, ok := tags[*in.Key]; ok {
			found[value] = true
		}
	})
	if err != nil {
		return nil, err
	}
	return &rgt.GetTagValuesOutput{TagValues: values, PaginationToken: next}, nil
}

// tagWords collects words out of all tags, sorted. They are on one page: there are no more of them than an account of a test has.
func (r *Region) tagWords(token *string, collect func(tags map[string]string, found map[string]bool)) ([]string, *string, error) {
	if awssdk.ToString(token) != "" {
		return nil, nil, rgtInvalid("The pagination token is not valid")
	}
	found := map[string]bool{}
	err := r.read(func() error {
		for _, t := range r.taggables() {
			collect(t.row.meta().Tags, found)
		}
		return nil
	})
	return slices.Sorted(maps.Keys(found)), ptr(""), err
}
