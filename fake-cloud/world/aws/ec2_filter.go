package aws

import (
	"slices"
	"strconv"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// filterValueLimit is how many values all filters of one call may have together.
const filterValueLimit = 200

// filterTable says what the filters of one action compare: for each filter's name, the values that a resource has under it.
type filterTable[T any] struct {
	fields map[string]func(*T) []string
	tags   func(*T) []types.Tag
}

// matcher tells whether a resource passes all filters of a call.
type matcher[T any] func(*T) bool

// compile checks the filters of a call. A resource passes when it has, for each filter, one of its values.
func (t filterTable[T]) compile(filters []types.Filter) (matcher[T], error) {
	tests := make([]matcher[T], 0, len(filters))
	values := 0
	for _, f := range filters {
		name := awssdk.ToString(f.Name)
		if len(f.Values) == 0 {
			return nil, faultf("InvalidParameterValue", "The filter '%s' is invalid: it has no values", name)
		}
		if values += len(f.Values); values > filterValueLimit {
			return nil, faultf("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d", filterValueLimit)
		}
		get, ok := t.field(name)
		if !ok {
			return nil, faultf("InvalidParameterValue", "The filter '%s' is invalid", name)
		}
		tests = append(tests, func(r *T) bool {
			return slices.ContainsFunc(get(r), func(got string) bool {
				return slices.ContainsFunc(f.Values, func(want string) bool { return globMatch(want, got) })
			})
		})
	}
	return func(r *T) bool {
		return !slices.ContainsFunc(tests, func(test matcher[T]) bool { return !test(r) })
	}, nil
}

func (t filterTable[T]) field(name string) (func(*T) []string, bool) {
	if get, ok := t.fields[name]; ok {
		return get, true
	}
	if t.tags == nil {
		return nil, false
	}
	switch key, isTag := strings.CutPrefix(name, "tag:"); {
	case isTag:
		return func(r *T) []string {
			for _, tag := range t.tags(r) {
				if awssdk.ToString(tag.Key) == key {
					return []string{awssdk.ToString(tag.Value)}
				}
			}
			return nil
		}, true
	case name == "tag-key":
		return func(r *T) []string {
			return each(t.tags(r), func(tag types.Tag) string { return awssdk.ToString(tag.Key) })
		}, true
	case name == "tag-value":
		return func(r *T) []string {
			return each(t.tags(r), func(tag types.Tag) string { return awssdk.ToString(tag.Value) })
		}, true
	}
	return nil, false
}

// globMatch compares as a filter does: case counts, * stands for any characters, ? for one, and a backslash takes the meaning
// from what follows it. It takes time in proportion to the product of both lengths at most.
func globMatch(pattern, s string) bool {
	p, at := 0, 0
	star, resume := -1, 0
	for at < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, resume = p, at
			p++
			continue
		}
		if next, ok := globStep(pattern, p, s[at]); ok {
			p, at = next, at+1
			continue
		}
		if star < 0 {
			return false
		}
		resume++
		p, at = star+1, resume
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globStep matches one character of a pattern that is no star, and returns where the pattern goes on.
func globStep(pattern string, p int, c byte) (next int, ok bool) {
	switch {
	case p >= len(pattern):
		return p, false
	case pattern[p] == '?':
		return p + 1, true
	case pattern[p] == '\\' && p+1 < len(pattern):
		return p + 2, pattern[p+1] == c
	}
	return p + 1, pattern[p] == c
}

// each maps a list to strings.
func each[T any](list []T, f func(T) string) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		out = append(out, f(v))
	}
	return out
}

// Values of one field, none where the field is not set.

func ofString(p *string) []string {
	if p == nil {
		return nil
	}
	return []string{*p}
}

func ofBool(p *bool) []string {
	if p == nil {
		return nil
	}
	return []string{strconv.FormatBool(*p)}
}

func ofInt(p *int32) []string {
	if p == nil {
		return nil
	}
	return []string{strconv.Itoa(int(*p))}
}

func ofTime(p *time.Time) []string {
	if p == nil {
		return nil
	}
	return []string{p.UTC().Format("2006-01-02T15:04:05.000Z")}
}

func ofEnum[S ~string](v S) []string {
	if v == "" {
		return nil
	}
	return []string{string(v)}
}
