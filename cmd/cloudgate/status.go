package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cloudgate-dev/cloudgate/cmd/cloudgate/inspect"
	"github.com/cloudgate-dev/cloudgate/pkg/cloud"
	"github.com/cloudgate-dev/cloudgate/pkg/translate"
)

// statusFlags are the flags of `cloudgate status`.
type statusFlags struct {
	look   lookFlags
	output string
}

// newStatusCommand returns `cloudgate status`.
func newStatusCommand() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status [--gateway NAMESPACE/NAME]",
		Short: "Draw Gateways as trees, down to the health of each target, with what is wrong",
		Long: `Draw the Gateways of a cluster as trees: listeners, routes, rules, pools, targets and their health, and at each what is wrong.

What is wrong is what the statuses in the cluster say. The health of targets is asked of the cloud, where it is configured.

  ✓ fine   … being worked on   ~ works in part   ✗ wrong   · nobody said yet   ! what is wrong`,
		Example: `  cloudgate status
  cloudgate status --gateway shop/web --fake-endpoint http://127.0.0.1:7070`,
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "text or json")
	f.look.register(cmd)
	completeWords(cmd, "output", "text", "json")
	return cmd
}

func (f *statusFlags) run(ctx context.Context, out, warnings io.Writer) error {
	if f.output != "text" && f.output != "json" {
		return exitError{code: 2, err: fmt.Errorf("output %q is neither text nor json", f.output)}
	}
	name, err := f.look.gatewayName()
	if err != nil {
		return err
	}
	providers, err := f.look.compilers(ctx)
	if err != nil {
		return err
	}
	scene, err := f.look.cluster(ctx, providers)
	if err != nil {
		return err
	}
	if scene, err = scene.Only(name); err != nil {
		return err
	}
	warn(warnings, scene.Warnings)
	trees, err := inspect.Trees(ctx, scene, func(ctx context.Context, s *translate.Snapshot) ([]cloud.TargetHealth, error) {
		if !f.look.clouds.configured() {
			return nil, nil
		}
		targets, err := providers.Health(ctx, s)
		if err != nil { // the tree is worth having without
			warn(warnings, []string{fmt.Sprintf("the health of targets is not known: %v", err)})
		}
		return targets, nil
	})
	if err != nil {
		return err
	}
	return inspect.WriteTrees(out, trees, f.output, colours(out))
}
