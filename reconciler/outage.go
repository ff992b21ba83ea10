package reconciler

import (
	"slices"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
)

// An outage is when the cloud does not answer as it should. It begins with a pass that fails so and ends with one that does not,
// however often it is tried in between: what is said of it is said once, though each try may fail in its own words.

// stalledPasses is how many passes in a row that got nothing done make an outage of a cloud that asks for fewer calls. One that
// works slowly is none.
const stalledPasses = 5

// outage is what is remembered of one.
type outage struct {
	message string       // what the state says while it lasts; "" when there is none
	worst   cloud.Kind   // of what message says
	told    bool         // by an event
	stalled int          // tries in a row that got nothing done
	last    *cloud.Error // of the last try: passes in between repeat it
}

// passingText returns the sentence for a failure that belongs to an outage, and "" for every other.
func passingText(err *cloud.Error) string {
	switch err.Kind {
	case cloud.Unavailable, cloud.Unknown:
		return "the cloud does not answer as it should, and is tried again (" + err.Error() + ")"
	case cloud.Throttled:
		return "the cloud limits the rate of calls, and is tried again (" + err.Error() + ")"
	case cloud.Invalid, cloud.Unsupported, cloud.Denied, cloud.Quota, cloud.Conflict, cloud.NotFound:
		return ""
	}
	return ""
}

// worstPassing returns the first failure that belongs to an outage, throttled calls last, and nil where none does.
func worstPassing(failures []failure) *cloud.Error {
	var worst *cloud.Error
	for _, f := range failures {
		if passingText(f.err) == "" {
			continue
		}
		if worst == nil || worst.Kind == cloud.Throttled && f.err.Kind != cloud.Throttled {
			worst = f.err
		}
	}
	return worst
}

// follow takes note of a pass. It tells whether the outage is to be told by an event now.
func (o *outage) follow(p *pass) (tell bool) {
	err := worstPassing(p.failures)
	switch {
	case err == nil && p.asked:
		*o = outage{} // it works
		return false
	case err == nil:
		return false // nothing was asked of the cloud
	case p.steps > 0:
		o.stalled = 0
	case err != o.last:
		o.stalled++
	}
	o.last = err
	if o.message == "" || o.worst == cloud.Throttled && err.Kind != cloud.Throttled {
		o.message, o.worst = passingText(err), err.Kind
	}
	if o.told || err.Kind == cloud.Throttled && o.stalled < stalledPasses {
		return false
	}
	o.told = true
	return true
}

// failureTexts says what failed: an outage in its own words, and one by one what has to be mended.
func (p *pass) failureTexts() []string {
	if p.outage == "" {
		return failureTexts(p.failures)
	}
	rest := slices.DeleteFunc(slices.Clone(p.failures), func(f failure) bool { return passingText(f.err) != "" })
	return append([]string{p.outage}, failureTexts(rest)...)
}
