package translate

import (
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// ApproximateAnnotation on a GatewayClass, with the value ApproximateAllow, opts in to features that the cloud expresses with a
// difference. The difference is then said in the status of what uses the feature.
const (
	ApproximateAnnotation = "cloudgate.dev/approximate-features"
	ApproximateAllow      = "allow"
)

// use asks for a feature at a place. fault says that it may not be used; note that it may, with a difference.
func (t *translation) use(feature ir.Feature, where string) (fault, note *Problem) {
	support := t.s.Features.Of(feature)
	switch support.Grade {
	case ir.Exact:
		return nil, nil
	case ir.Approximate:
		if t.approximate {
			return nil, &Problem{Code: CodeFeatureApproximate, Where: where, Feature: feature, Detail: support.Difference}
		}
		return &Problem{Code: CodeFeatureRefused, Where: where, Feature: feature, Detail: support.Difference}, nil
	case ir.Impossible:
		return &Problem{Code: CodeFeatureImpossible, Where: where, Feature: feature}, nil
	default:
		return &Problem{Code: CodeFeatureImpossible, Where: where, Feature: feature}, nil
	}
}

// findings collects what is wrong and what is worth saying about one rule or listener.
type findings struct {
	t      *translation
	faults []Problem
	notes  []Problem
}

func (f *findings) fault(p Problem) { f.faults = append(f.faults, p) }

func (f *findings) use(feature ir.Feature, where string) bool {
	fault, note := f.t.use(feature, where)
	if note != nil {
		f.notes = append(f.notes, *note)
	}
	if fault != nil {
		f.faults = append(f.faults, *fault)
	}
	return fault == nil
}
