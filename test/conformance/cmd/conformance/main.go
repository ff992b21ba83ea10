// Command conformance is what test/conformance/run.sh needs around the Gateway API's own suite, which is run as it is: which container
// images its manifests name, which features it knows, and what its tests say, as a line for each and a table.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/gateway-api/pkg/features"
)

const usage = `usage:
  conformance images                      the images that the suite's manifests name: REPOSITORY NAME TAG, one a line
  conformance features                    every feature that the suite knows of gateways, with commas between
  conformance run [-complete] [-standard] [-table FILE] [-log FILE] -- COMMAND...
                                          run a command that writes test2json's events, and say what the tests said
  conformance readme FILE REPORT...       put the table of the reports in its place in a file
  conformance writes ACCOUNT < AUDIT-LOG  how often an account wrote statuses, for each kind of object
  conformance post URL < JSON             tell the admin part of a fake cloud something. Its token is in TOKEN
`

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	switch os.Args[1] {
	case "images":
		list, err := images(conformance.Manifests, "base", "tests")
		if err != nil {
			fail(err.Error())
		}
		for _, i := range list {
			fmt.Println(i.repository, i.name, i.tag)
		}
	case "features":
		fmt.Println(strings.Join(gatewayFeatures(), ","))
	case "run":
		flags := flag.NewFlagSet("run", flag.ExitOnError)
		var o options
		flags.StringVar(&o.table, "table", "", "file for the table of results, in Markdown")
		flags.StringVar(&o.log, "log", "", "file for everything that the tests wrote")
		flags.BoolVar(&o.complete, "complete", false, "fail when a test about gateways is skipped")
		flags.BoolVar(&o.standard, "standard", false, "the standard channel is installed: what it lacks need not run")
		_ = flags.Parse(os.Args[2:]) // exits on an error
		status, err := run(os.Stdout, flags.Args(), o)
		if err != nil {
			fail(err.Error())
		}
		os.Exit(status)
	case "writes":
		if len(os.Args) != 3 {
			fail(usage)
		}
		all, err := countWrites(os.Stdin, os.Args[2])
		if err != nil {
			fail(err.Error())
		}
		for _, w := range all {
			fmt.Printf("  %-26s %4d created, %4d changes in all; status written %4d times, %d refused\n", w.resource, w.objects, w.changes, w.written, w.refused)
		}
	case "post":
		if len(os.Args) != 3 {
			fail(usage)
		}
		if err := post(os.Args[2], os.Getenv("TOKEN"), os.Stdin); err != nil {
			fail(err.Error())
		}
	case "readme":
		if len(os.Args) < 4 {
			fail(usage)
		}
		if err := writeReadme(os.Args[2], os.Args[3:]); err != nil {
			fail(err.Error())
		}
	default:
		fail(usage)
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, strings.TrimSpace(text))
	os.Exit(2)
}

// gatewayFeatures are all features but those of service meshes.
func gatewayFeatures() []string {
	mesh := features.SetsToNamesSet(features.MeshCoreFeatures, features.MeshExtendedFeatures)
	var names []string
	for _, f := range sets.List(features.SetsToNamesSet(features.AllFeatures).Difference(mesh)) {
		names = append(names, string(f))
	}
	return names
}
