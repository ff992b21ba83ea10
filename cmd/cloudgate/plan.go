package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/inspect"
)

// planFlags are the flags of `cloudgate plan`.
type planFlags struct {
	look         lookFlags
	paths        []string
	output       string
	detailedExit bool
}

// newPlanCommand returns `cloudgate plan`.
func newPlanCommand() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan [-f FILES... | --gateway NAMESPACE/NAME]",
		Short: "Print what would change in the cloud, step by step, and why",
		Long: `Print what would change in the cloud, step by step, and why. Nothing is changed.

With -f the manifests in files and folders are planned as if the cloud had nothing yet: no cluster and no cloud is asked. Without it
the Gateways of a cluster are compared with what their cloud has now.

Steps are + for what is created, ~ for what is updated and - for what is deleted, in an order in which they can be done.

Of a Gateway that is to take over load balancers that somebody else made, = is what gets the mark of the Gateway, and * what is to be known besides.
The digest of the plan is the last line: who annotates the Gateway with it agrees to it.`,
		Example: `  cloudgate plan -f examples/quickstart
  kubectl get gateways,httproutes,services,endpointslices -A -o yaml | cloudgate plan -f -
  cloudgate plan --gateway shop/web --fake-endpoint http://127.0.0.1:7070 --detailed-exitcode`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVarP(&f.paths, "filename", "f", nil, "file or folder with manifests, or - for standard input; may be repeated")
	flags.StringVarP(&f.output, "output", "o", "text", "text, json or yaml")
	flags.BoolVar(&f.detailedExit, "detailed-exitcode", false, "exit 0 when nothing would change, 2 when something would, 1 on errors")
	f.look.register(cmd)
	// 2 has a meaning here, so a wrong flag is an error as any other.
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w (see `%s --help`)", err, cmd.CommandPath())
	})
	completeWords(cmd, "output", "text", "json", "yaml")
	return cmd
}

func (f *planFlags) run(ctx context.Context, in io.Reader, out, warnings io.Writer) error {
	if !slices.Contains([]string{"text", "json", "yaml"}, f.output) {
		return fmt.Errorf("output %q is not one of text, json, yaml", f.output)
	}
	plans, err := f.plans(ctx, in, warnings)
	if err != nil {
		return err
	}
	if err := plans.Write(out, f.output, colours(out)); err != nil {
		return err
	}
	if f.detailedExit && !plans.Empty() {
		return exitError{code: 2}
	}
	return nil
}

func (f *planFlags) plans(ctx context.Context, in io.Reader, warnings io.Writer) (inspect.Plans, error) {
	name, err := f.look.gatewayName()
	if err != nil {
		return nil, err
	}
	providers, err := f.look.compilers(ctx)
	if err != nil {
		return nil, err
	}
	got := inspect.Nothing
	var scene inspect.Scene
	if len(f.paths) > 0 {
		if scene, err = inspect.FromFiles(f.paths, in, providers); err != nil {
			return nil, err
		}
	} else {
		if !f.look.clouds.configured() {
			return nil, errors.New("the cloud to compare with is not known: set --aws-region or --fake-endpoint, or plan manifests without a cloud with -f")
		}
		got = inspect.Observed
		if scene, err = f.look.cluster(ctx, providers); err != nil {
			return nil, err
		}
	}
	warn(warnings, scene.Warnings)
	if scene, err = scene.Only(name); err != nil {
		return nil, err
	}
	return inspect.Plan(ctx, scene, providers, got)
}
