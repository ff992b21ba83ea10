package providertest

import (
	"context"
	"testing"

	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/ir"
)

// Call is one call that a cloud was sent.
type Call struct {
	Op       string
	Mutating bool
}

// Account is one account of a cloud. It is empty when it is opened.
type Account interface {
	Provider() cloud.Provider
	// Calls returns the calls since the account was opened, oldest first.
	Calls(t *testing.T) []Call
	// Fault makes the nth call from now, counted from 1, have an effect, and the others none. It replaces the fault before it.
	Fault(t *testing.T, nth int, effect string)
	// Heal ends the fault and tells whether it struck.
	Heal(t *testing.T) bool
	// Resources counts what is in the account, whosoever it is.
	Resources(t *testing.T) int
}

// Witnessed is an Account that can be looked at past its faults. It is for providers whose observations take so many calls that
// to have a fault at each of them would take most of the time.
type Witnessed interface {
	// Witness returns a provider of the same account, whose calls meet no fault and are not among Calls.
	Witness() cloud.Provider
}

// Cost is what a change may cost in calls.
type Cost struct {
	Mutating int
	Reads    int
}

// Config says how a provider is tested.
type Config struct {
	Open    func(t *testing.T) Account
	Effects []string // for Account.Fault; all are tried on one life, the first two on every life
	Stride  int      // has a fault at each so many calls of a life; 0 and 1 are at each
	// Costs are by the name of a Change, and have to have all of them.
	Costs map[string]Cost
	// More are load balancers besides Corpus.
	More []Case
}

// Run holds a provider to the laws.
func Run(t *testing.T, c Config) {
	cases := append(Corpus(), c.More...)
	laws := []struct {
		name  string
		check func(*testing.T, Config, []Case)
	}{
		{"deterministic", deterministic},
		{"discreet", discreet},
		{"idempotent", idempotent},
		{"convergent", convergent},
		{"minimal", minimal},
		{"apart", apart},
		{"leak-free", leakFree},
	}
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) { law.check(t, c, cases) })
	}
}

// Context returns one that ends with the test.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// OwnerOf returns the owner of the corpus' load balancers.
func ownerOf(name string) ir.Owner {
	return ir.Owner{Cluster: "laws", UID: "uid-" + name, Namespace: "shop", Name: name}
}
