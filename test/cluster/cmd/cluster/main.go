// Cluster is a real Kubernetes without Docker: it builds one from source, runs it in namespaces of its own, and takes it away again.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/cli"
)

func main() {
	err := cli.Root().Execute()
	var exit cli.ExitError
	if errors.As(err, &exit) {
		os.Exit(int(exit))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
			fmt.Fprintln(os.Stderr, "What root has built or started in this checkout is root's: use sudo, or have it removed by sudo make clean.")
		}
		os.Exit(1)
	}
}
