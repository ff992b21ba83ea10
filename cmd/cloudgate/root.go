package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// newRootCommand returns the command that all others hang on: one newXCommand for each, in a file of its name.
func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "cloudgate",
		Short: "Turns Gateway API objects into the load balancers that a cloud already sells",
		Args:  noArgs,
		// For --version.
		Version: buildVersion(),
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
		newWithdrawCommand(),
	)
	return root
}

// noArgs refuses arguments, and says what may have been meant: a file without its flag, or a Gateway.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	what := "unexpected argument"
	if cmd.HasSubCommands() {
		what = "unknown command"
	}
	what = fmt.Sprintf("%s %q", what, args[0])
	_, err := os.Stat(args[0])
	switch {
	case err == nil && cmd.Flags().Lookup("filename") != nil:
		what += ": did you mean -f " + args[0] + "?"
	case cmd.Flags().Lookup("gateway") != nil && strings.Count(args[0], "/") == 1:
		what += ": did you mean --gateway " + args[0] + "?"
	}
	return cmd.FlagErrorFunc()(cmd, errors.New(what))
}
