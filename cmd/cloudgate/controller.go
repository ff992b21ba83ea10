package main

import (
	"github.com/spf13/cobra"
)

// newControllerCommand returns `cloudgate controller`: the controller in a cluster.
func newControllerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "controller",
		Short: "Run the controller against a Kubernetes cluster",
		Args:  cobra.NoArgs,
	}
}
