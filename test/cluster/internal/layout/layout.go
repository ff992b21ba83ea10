// Package layout knows where everything lies in the tree: the sources of the parts, the cache of what was built, and the state of each
// cluster. It creates nothing, and nothing of a cluster lies outside the paths that it names.
package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Tree is a checkout of the repository.
type Tree struct{ Root string }

// Find returns the checkout that the running program belongs to: the one above its own file, else the one above the working directory.
func Find() (Tree, error) {
	var starts []string
	if root := os.Getenv("CLUSTER_TREE"); root != "" {
		starts = append(starts, root)
	}
	if executable, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(executable))
	}
	if cwd, err := os.Getwd(); err == nil {
		starts = append(starts, cwd)
	}
	for _, dir := range starts {
		for ; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "test", "cluster", "parts", "kube", "go.mod")); err == nil {
				root, err := filepath.EvalSymlinks(dir)
				return Tree{Root: root}, err
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return Tree{}, errors.New("no checkout with test/cluster/parts above this program or the working directory (CLUSTER_TREE names one)")
}

// Module is the folder of this program's own module.
func (t Tree) Module() string { return filepath.Join(t.Root, "test", "cluster") }

// Parts is the folder with one module per part.
func (t Tree) Parts() string { return filepath.Join(t.Module(), "parts") }

// Cache is where built parts are kept.
func (t Tree) Cache() string { return filepath.Join(t.Root, ".cache", "cluster") }

// Clusters is where the state of every cluster is kept.
func (t Tree) Clusters() string { return filepath.Join(t.Root, ".cache", "clusters") }

// Bin is where the repository's own programs are built to.
func (t Tree) Bin() string { return filepath.Join(t.Root, "bin") }

var nameRule = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$`)

// Cluster returns the state folder of the cluster that is called name.
func (t Tree) Cluster(name string) (Cluster, error) {
	if !nameRule.MatchString(name) {
		return Cluster{}, fmt.Errorf("%q is no name for a cluster: up to 30 lower-case letters, digits and inner dashes", name)
	}
	return Cluster{Name: name, Dir: filepath.Join(t.Clusters(), name)}, nil
}

// Names returns the clusters that have state, running or not.
func (t Tree) Names() ([]string, error) {
	entries, err := os.ReadDir(t.Clusters())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && nameRule.MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// Cluster is the state folder of one cluster.
type Cluster struct{ Name, Dir string }

// Lock is the file that is locked while the cluster is brought up or down. It outlives the state folder.
func (c Cluster) Lock() string { return filepath.Join(filepath.Dir(c.Dir), "."+c.Name+".lock") }

// State is the file that says how the cluster is.
func (c Cluster) State() string { return filepath.Join(c.Dir, "state.json") }

// Process is the file that says which process of the host holds the cluster.
func (c Cluster) Process() string { return filepath.Join(c.Dir, "process.json") }

// Held is the file that the cluster's first process keeps locked as long as it lives.
func (c Cluster) Held() string { return filepath.Join(c.Dir, "held") }

// Plan is the file that says what the supervisor has to bring up.
func (c Cluster) Plan() string { return filepath.Join(c.Dir, "plan.json") }

// PKI is the folder of keys and certificates.
func (c Cluster) PKI() string { return filepath.Join(c.Dir, "pki") }

// Kubeconfig is the administrator's kubeconfig that works on the host.
func (c Cluster) Kubeconfig() string { return filepath.Join(c.Dir, "kubeconfig") }

// KubeCache is where kubectl and helm remember what the API server told them of itself.
func (c Cluster) KubeCache() string { return filepath.Join(c.Dir, "kube-cache") }

// InnerKubeconfig is the administrator's kubeconfig that works on the cluster's network.
func (c Cluster) InnerKubeconfig() string { return filepath.Join(c.Dir, "kubeconfig-inside") }

// Audit is the audit log of the API server.
func (c Cluster) Audit() string { return filepath.Join(c.Dir, "audit", "audit.log") }

// Etcd is etcd's data.
func (c Cluster) Etcd() string { return filepath.Join(c.Dir, "etcd") }

// Volumes is where the default StorageClass keeps volumes; every node sees it.
func (c Cluster) Volumes() string { return filepath.Join(c.Dir, "volumes") }

// Resolv is the resolv.conf of the LAN.
func (c Cluster) Resolv() string { return filepath.Join(c.Dir, "resolv.conf") }

// Logs is the folder of the parts' logs.
func (c Cluster) Logs() string { return filepath.Join(c.Dir, "logs") }

// Log is the log of a part: a part of a node, or of the whole cluster when node is empty.
func (c Cluster) Log(node, part string) string {
	return filepath.Join(c.Logs(), node, part+".log")
}

// Node is the folder of one node.
func (c Cluster) Node(node string) string { return filepath.Join(c.Dir, "nodes", node) }

// Snapshotter is the file with the name of the snapshotter that the node's images are unpacked with.
func (c Cluster) Snapshotter(node string) string { return filepath.Join(c.Node(node), "snapshotter") }

// Cgroup is the name of the cluster's cgroup in every hierarchy. It differs between checkouts.
func (c Cluster) Cgroup() string {
	sum := sha256.Sum256([]byte(c.Dir))
	return "cluster-" + c.Name + "-" + hex.EncodeToString(sum[:4])
}
