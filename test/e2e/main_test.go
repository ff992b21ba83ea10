package e2e

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cloudgate-dev/cloudgate/test/e2e/traffic"
)

// scratch is a folder for what several tests share.
var scratch string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// atOnce is how many stories are told at once that wait more than they work.
const atOnce = 12

// waitTogether has the tests that are told in parallel not wait for processors, unless the command line says how many there may be.
func waitTogether() error {
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "test.parallel" })
	if set {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(atOnce))
}

func run(m *testing.M) int {
	// What matters is in the States.
	if err := waitTogether(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctrl.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	var err error
	if scratch, err = os.MkdirTemp("", "cloudgate-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	if err := traffic.ForgetMeasured(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
