// Package state is what is written down about a cluster: how far it is, which parts run, which process holds it. The supervisor writes,
// everybody reads; a file is replaced whole, so a reader never sees half of it.
package state

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
)

// Phase is how far a cluster is.
type Phase string

// The phases of a cluster.
const (
	Starting Phase = "Starting"
	Running  Phase = "Running"
	Degraded Phase = "Degraded" // it was Running, and a part has died since
	Failed   Phase = "Failed"   // it never came up
	Dead     Phase = "Dead"     // its first process is gone, its state is left
)

// Cluster is what is known about one cluster.
type Cluster struct {
	Name         string    `json:"name"`
	Phase        Phase     `json:"phase"`
	Error        string    `json:"error,omitempty"`
	ControlPlane bool      `json:"controlPlaneOnly"`
	Started      time.Time `json:"started"`
	Version      string    `json:"version,omitempty"`
	APIServer    string    `json:"apiServer"`       // from the host
	Inner        string    `json:"innerAPIServer"`  // from the cluster's network
	Kubeconfig   string    `json:"kubeconfig"`      // for the host
	InnerConfig  string    `json:"innerKubeconfig"` // for the cluster's network
	Audit        string    `json:"auditLog"`
	Bin          string    `json:"bin"` // kubectl, ctr and the parts
	Cgroup       string    `json:"cgroup,omitempty"`
	Nodes        []Node    `json:"nodes,omitempty"`
	Parts        []Part    `json:"parts"`
	Steps        []Step    `json:"steps"`
	First        Process   `json:"process"` // of the host, whose end is the end of all others
	PIDSpace     string    `json:"pidSpace,omitempty"`
	Inside       bool      `json:"-"` // whoever reads this runs inside the cluster: First is 1, and cannot be ended
}

// Node is one node.
type Node struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Pods    string `json:"podCIDR"`
	PID     int    `json:"pid"` // of the process that holds its namespaces, as seen inside the cluster
}

// Part is one program of the cluster.
type Part struct {
	Name   string `json:"name"`
	Node   string `json:"node,omitempty"`
	PID    int    `json:"pid"` // as seen inside the cluster
	Log    string `json:"log"`
	Exited string `json:"exited,omitempty"` // how and when it ended; empty while it runs
	Memory int64  `json:"memoryBytes,omitempty"`
}

// Step is one thing that bringing the cluster up has done.
type Step struct {
	Name string        `json:"name"`
	Note string        `json:"note,omitempty"`
	Took time.Duration `json:"took"`
}

// Write replaces the state of the cluster.
func Write(at layout.Cluster, cluster Cluster) error { return WriteJSON(at.State(), cluster) }

// WriteJSON replaces a file by the JSON of value.
func WriteJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(append(data, '\n'))
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// ReadJSON reads a file that WriteJSON wrote.
func ReadJSON(path string, value any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, value)
}

// Read returns what is known about the cluster, with found false when there is nothing. A cluster whose first process is gone is Dead
// whatever it wrote last. Inside a cluster (cluster exec) the ids of the host's processes mean nothing: there First is what that cluster's
// own looks like, and empty for another cluster that runs.
func Read(at layout.Cluster) (cluster Cluster, found bool, err error) {
	if _, err := os.Stat(at.Dir); errors.Is(err, os.ErrNotExist) {
		return Cluster{}, false, nil
	}
	cluster = Cluster{Name: at.Name, Phase: Starting}
	if err := ReadJSON(at.State(), &cluster); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Cluster{}, true, err
	}
	if err := ReadJSON(at.Process(), &cluster.First); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Cluster{}, true, err
	}
	if cluster.First.Alive() {
		return cluster, true, nil
	}
	here, err := PIDSpace()
	if err != nil {
		return Cluster{}, true, err
	}
	var while time.Duration
	if cluster.First.Space == here {
		while = lingering // it has ended, and what it began is about to
	}
	held, err := lockedStill(at.Held(), while)
	if err != nil {
		return Cluster{}, true, err
	}
	if held {
		cluster.First = Process{}
		if here == cluster.PIDSpace {
			cluster.Inside = true
			cluster.First, err = Identify(1)
			return cluster, true, err
		}
	} else if cluster.Phase != Failed {
		cluster.Phase = Dead
	}
	return cluster, true, nil
}
