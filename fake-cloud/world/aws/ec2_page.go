package aws

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Bounds of MaxResults in EC2.
const (
	ec2PageMin = 5
	ec2PageMax = 1000
)

// ec2Query is one call of a Describe action of EC2: rows of type P shown as T.
type ec2Query[P row, T any] struct {
	region *Region
	table  interface {
		get(key string) (P, bool)
		all() []P
	}
	// ids names the rows that are wanted; none of them is all. param is what the list is called in an error.
	ids    []string
	param  string
	absent func(id string) error
	show   func(P) T

	fields  filterTable[T]
	filters []types.Filter
	max     *int32
	token   *string
}

// run returns one page. The lock is held. A row that is named and is not there fails the call; one that the filters leave out does not.
func (q ec2Query[P, T]) run() ([]T, *string, error) {
	if err := q.checkPage(); err != nil {
		return nil, nil, err
	}
	passes, err := q.fields.compile(q.filters)
	if err != nil {
		return nil, nil, err
	}
	rows := q.table.all()
	if len(q.ids) > 0 {
		if rows, err = q.named(); err != nil {
			return nil, nil, err
		}
	}
	type shown struct {
		row   P
		value T
	}
	var matching []shown
	for _, r := range rows {
		if q.region.unseen(r.meta()) {
			continue
		}
		if v := q.show(r); passes(&v) {
			matching = append(matching, shown{r, v})
		}
	}
	limit := len(matching)
	if q.max != nil {
		limit = int(*q.max)
	}
	some, next, ok := page(matching, func(s shown) uint64 { return s.row.meta().Seq }, q.token, limit)
	if !ok {
		return nil, nil, faultf("InvalidParameterValue", "Unable to parse pagination token")
	}
	values := make([]T, 0, len(some))
	for _, s := range some {
		values = append(values, s.value)
	}
	return values, next, nil
}

func (q ec2Query[P, T]) checkPage() error {
	if q.max == nil {
		return nil
	}
	switch {
	case len(q.ids) > 0:
		return faultf("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", q.param)
	case *q.max < ec2PageMin:
		return faultf("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than %d.", *q.max, ec2PageMin)
	case *q.max > ec2PageMax:
		return faultf("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value less than or equal to %d.", *q.max, ec2PageMax)
	}
	return nil
}

// named returns the rows with the ids, oldest first and each once.
func (q ec2Query[P, T]) named() ([]P, error) {
	rows := make([]P, 0, len(q.ids))
	for _, id := range q.ids {
		r, ok := q.table.get(id)
		if !ok || q.region.unseen(r.meta()) {
			return nil, q.absent(id)
		}
		if i, found := place(rows, r); !found {
			rows = slices.Insert(rows, i, r)
		}
	}
	return rows, nil
}
