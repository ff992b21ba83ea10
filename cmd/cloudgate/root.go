package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newRootCommand returns the command that all others hang on: one newXCommand for each, in a file of its name.
func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "cloudgate",
		Short: "Turns Gateway API objects into the load balancers that a cloud already sells",
		Args:  cobra.NoArgs,
		// An error is one line, printed by main.
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exitError{code: 2, err: fmt.Errorf("%w (see `%s --help`)", err, cmd.CommandPath())}
	})
	root.AddCommand(
		newControllerCommand(),
		newDevCommand(),
		newPlanCommand(),
		newStatusCommand(),
	)
	return root
}
