package awsapi

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
)

// method is an action that the account serves.
type method struct {
	service  *service
	action   string
	index    int // of the method on a region
	input    reflect.Type
	mutating bool
}

// op is what the action is called in the journal: as in IAM.
func (m *method) op() string { return m.service.iam + ":" + m.action }

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// methodsOf returns the actions that a region has: its methods from an Input of an SDK module to an Output. The input's type tells service
// and action.
func methodsOf(region reflect.Type) map[*service]map[string]*method {
	found := map[*service]map[string]*method{}
	for i := range region.NumMethod() {
		f := region.Method(i).Type // with the receiver
		if f.NumIn() != 3 || f.In(1) != contextType || f.NumOut() != 2 || f.Out(1) != errorType || f.In(2).Kind() != reflect.Pointer {
			continue
		}
		input := f.In(2).Elem()
		action, isInput := strings.CutSuffix(input.Name(), "Input")
		s := serviceOfPackage(input.PkgPath())
		if s == nil || !isInput {
			continue
		}
		if found[s] == nil {
			found[s] = map[string]*method{}
		}
		found[s][action] = &method{service: s, action: action, index: i, input: input, mutating: isMutating(action)}
	}
	return found
}

// isMutating tells by its verb whether an action changes something.
func isMutating(action string) bool {
	for _, verb := range []string{"Describe", "List", "Get", "Search", "Assume", "Head"} {
		if strings.HasPrefix(action, verb) {
			return false
		}
	}
	return true
}

// call performs an action of a region. A panic of the account is an error: one request may not end the others.
func (m *method) call(ctx context.Context, region any, input reflect.Value) (output any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s panicked: %v", m.op(), p)
		}
	}()
	got := reflect.ValueOf(region).Method(m.index).Call([]reflect.Value{reflect.ValueOf(ctx), input})
	if err, _ := got[1].Interface().(error); err != nil {
		return nil, err
	}
	if got[0].IsNil() {
		return nil, fmt.Errorf("%s returned neither an output nor an error", m.op())
	}
	return got[0].Interface(), nil
}

// isDryRun says whether the input asks to try the action only, as those of EC2 can.
func isDryRun(input reflect.Value) bool {
	f := input.Elem().FieldByName("DryRun")
	return f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() && f.Elem().Kind() == reflect.Bool && f.Elem().Bool()
}

var dryRun = codec.Fault{Code: "DryRunOperation", Message: "Request would have succeeded, but DryRun flag is set.", Status: 412}
