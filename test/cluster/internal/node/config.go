package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/network"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/pki"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/program"
)

// configure writes the configuration of containerd, its network plugins and the kubelet, inside the node.
func (n Node) configure() error {
	snapshotter, err := snapshotter("/var/lib/containerd")
	if err != nil {
		return err
	}
	kubelet, err := n.kubelet()
	if err != nil {
		return err
	}
	cni, err := n.cni()
	if err != nil {
		return err
	}
	return write(map[string]string{
		"/etc/containerd/config.toml":        n.containerd(snapshotter),
		"/etc/cni/net.d/10-cluster.conflist": string(cni),
		"/etc/kubernetes/kubelet.yaml":       string(kubelet),
		"/etc/kubernetes/masquerade.nft":     network.Masquerade(),
		n.At.Snapshotter(n.Name):             snapshotter,
		"/etc/profile.d/cluster.sh":          "export PATH=" + strconv.Quote(n.Bin) + ":$PATH\n",
	})
}

// containerd keeps off what belongs to the machine: AppArmor profiles, scores for the out-of-memory killer.
func (n Node) containerd(snapshotter string) string {
	return fmt.Sprintf(`version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = %q
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = %q

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = [%q]
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = %q
      SystemdCgroup = false

[plugins."io.containerd.nri.v1.nri"]
  disable = true
`, snapshotter, n.Pause, n.Bin, filepath.Join(n.Bin, "runc"))
}

// cni connects each pod by a wire of its own (ptp), so that all its traffic is routed and passes the node's rules for services even
// where the kernel does not filter bridges.
func (n Node) cni() ([]byte, error) {
	type object = map[string]any
	return json.MarshalIndent(object{
		"cniVersion": "1.0.0", "name": "cluster",
		"plugins": []object{
			{
				"type": "ptp", "mtu": 1500,
				"ipam": object{
					"type": "host-local", "dataDir": "/run/cni",
					"ranges": [][]object{{{"subnet": network.NodePods(n.Number)}}}, "routes": []object{{"dst": "0.0.0.0/0"}},
				},
			},
			{"type": "portmap", "backend": "nftables", "capabilities": object{"portMappings": true}},
		},
	}, "", "  ")
}

// kubelet asks the API server who may call it, keeps its cgroups below the cluster's, and never evicts: the disk and the memory are the
// host's.
func (n Node) kubelet() ([]byte, error) {
	type object = map[string]any
	serving := pki.In(n.At.PKI(), n.Name+"-serving")
	return json.MarshalIndent(object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"authentication": object{
			"anonymous": object{"enabled": false}, "webhook": object{"enabled": true},
			"x509": object{"clientCAFile": pki.In(n.At.PKI(), program.CA).Cert},
		},
		"authorization":               object{"mode": "Webhook"},
		"tlsCertFile":                 serving.Cert,
		"tlsPrivateKeyFile":           serving.Key,
		"clusterDNS":                  []string{network.DNS},
		"clusterDomain":               "cluster.local",
		"containerRuntimeEndpoint":    "unix:///run/containerd/containerd.sock",
		"cgroupDriver":                "cgroupfs",
		"cgroupRoot":                  "/" + n.At.Cgroup() + "/" + n.Name,
		"failCgroupV1":                false,
		"failSwapOn":                  false,
		"oomScoreAdj":                 0,
		"evictionHard":                object{"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
		"imageGCHighThresholdPercent": 100,
		"maxPods":                     250,
		"syncFrequency":               "10s",
		"registerNode":                true,
		"resolvConf":                  "/etc/resolv.conf",
		"podLogsDir":                  "/var/log/pods",
		"volumePluginDir":             "/var/lib/kubelet/volume-plugins",
		"serializeImagePulls":         false,
		"shutdownGracePeriod":         "0s",
	}, "", "  ")
}

// snapshotter is overlayfs where the file system can carry it, and otherwise the one that copies.
func snapshotter(dir string) (name string, err error) {
	probe, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(probe)) }()
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(probe, name), 0o755); err != nil {
			return "", err
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", probe)
	merged := filepath.Join(probe, "merged")
	if unix.Mount("overlay", merged, "overlay", 0, options) != nil {
		return "native", nil
	}
	return "overlayfs", unix.Unmount(merged, 0)
}
