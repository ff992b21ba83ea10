// Package program knows the command line of every part of a cluster. It starts nothing.
package program

import (
	"path/filepath"
	"strconv"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/layout"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/network"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/pki"
)

// Program is a part's command line.
type Program struct {
	Name string
	Args []string // without the program itself
}

// ControlPlane says where etcd and the API server listen.
type ControlPlane struct {
	At        layout.Cluster
	Bind      string // the API server's address
	Advertise string // the address that the service "kubernetes" leads to
	APIPort   int
	EtcdPort  int
	PeerPort  int
	Nodes     bool // there are nodes and controllers
}

// Names of the files in the cluster's PKI folder.
const (
	CA              = "ca"
	FrontProxyCA    = "front-proxy-ca"
	EtcdServer      = "etcd"
	EtcdClient      = "apiserver-etcd-client"
	APIServer       = "apiserver"
	KubeletClient   = "apiserver-kubelet-client"
	FrontProxy      = "front-proxy-client"
	ServiceAccounts = "service-accounts"
	Admin           = "admin"
)

// Kubeconfig is the kubeconfig of a component.
func Kubeconfig(at layout.Cluster, component string) string {
	return filepath.Join(at.PKI(), component+".kubeconfig")
}

// AuditPolicy is the file with the audit policy: who did what to which object, without the objects.
func AuditPolicy(at layout.Cluster) string { return filepath.Join(at.Dir, "audit", "policy.yaml") }

// AuditRules is what AuditPolicy holds.
const AuditRules = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

func (c ControlPlane) pair(name string) pki.Pair { return pki.In(c.At.PKI(), name) }

func (c ControlPlane) etcdURL(port int) string { return "https://127.0.0.1:" + strconv.Itoa(port) }

// Etcd is the database. It does not wait for the disk: a cluster for tests does not outlive its machine.
func (c ControlPlane) Etcd() Program {
	server, ca := c.pair(EtcdServer), c.pair(CA)
	return Program{Name: "etcd", Args: []string{
		"--name=etcd", "--data-dir=" + c.At.Etcd(), "--unsafe-no-fsync", "--logger=zap", "--log-level=warn",
		"--listen-client-urls=" + c.etcdURL(c.EtcdPort), "--advertise-client-urls=" + c.etcdURL(c.EtcdPort),
		"--listen-peer-urls=" + c.etcdURL(c.PeerPort), "--initial-advertise-peer-urls=" + c.etcdURL(c.PeerPort),
		"--initial-cluster=etcd=" + c.etcdURL(c.PeerPort),
		"--cert-file=" + server.Cert, "--key-file=" + server.Key, "--client-cert-auth", "--trusted-ca-file=" + ca.Cert,
		"--peer-cert-file=" + server.Cert, "--peer-key-file=" + server.Key, "--peer-client-cert-auth", "--peer-trusted-ca-file=" + ca.Cert,
	}}
}

// APIServer is the API server, with RBAC and an audit log.
func (c ControlPlane) APIServer() Program {
	serving, ca, etcd := c.pair(APIServer), c.pair(CA), c.pair(EtcdClient)
	kubelet, front, frontCA := c.pair(KubeletClient), c.pair(FrontProxy), c.pair(FrontProxyCA)
	accounts := filepath.Join(c.At.PKI(), ServiceAccounts)
	args := []string{
		"--bind-address=" + c.Bind, "--advertise-address=" + c.Advertise, "--secure-port=" + strconv.Itoa(c.APIPort),
		"--tls-cert-file=" + serving.Cert, "--tls-private-key-file=" + serving.Key, "--client-ca-file=" + ca.Cert,
		"--etcd-servers=" + c.etcdURL(c.EtcdPort), "--etcd-cafile=" + ca.Cert, "--etcd-certfile=" + etcd.Cert, "--etcd-keyfile=" + etcd.Key,
		"--authorization-mode=Node,RBAC", "--allow-privileged",
		// The second is off by default and on where permissions are taken seriously: controllers have to work with it.
		"--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
		"--service-cluster-ip-range=" + network.Services,
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + accounts + ".pub", "--service-account-signing-key-file=" + accounts + ".key",
		"--kubelet-client-certificate=" + kubelet.Cert, "--kubelet-client-key=" + kubelet.Key, "--kubelet-certificate-authority=" + ca.Cert,
		"--kubelet-preferred-address-types=InternalIP,Hostname",
		"--requestheader-client-ca-file=" + frontCA.Cert, "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + front.Cert, "--proxy-client-key-file=" + front.Key,
		"--audit-policy-file=" + AuditPolicy(c.At), "--audit-log-path=" + c.At.Audit(), "--audit-log-maxsize=200", "--audit-log-maxbackup=2",
	}
	if !c.Nodes {
		// Nobody is there to make the service accounts that every pod would need.
		args = append(args, "--disable-admission-plugins=ServiceAccount")
	}
	return Program{Name: "kube-apiserver", Args: args}
}

// ControllerManager runs the controllers, with the provisioner behind the default StorageClass.
func (c ControlPlane) ControllerManager() Program {
	ca := c.pair(CA)
	return Program{Name: "kube-controller-manager", Args: append(clientArgs(c.At, "kube-controller-manager"),
		"--bind-address=127.0.0.1", "--leader-elect=false", "--use-service-account-credentials",
		"--root-ca-file="+ca.Cert, "--cluster-signing-cert-file="+ca.Cert, "--cluster-signing-key-file="+ca.Key,
		"--service-account-private-key-file="+filepath.Join(c.At.PKI(), ServiceAccounts)+".key",
		"--cluster-cidr="+network.Pods, "--service-cluster-ip-range="+network.Services, "--allocate-node-cidrs=false",
		"--enable-hostpath-provisioner",
		// At the default of 20 requests a second its controllers take 4 s to begin.
		"--kube-api-qps=300", "--kube-api-burst=600",
	)}
}

// Scheduler is the scheduler.
func (c ControlPlane) Scheduler() Program {
	return Program{Name: "kube-scheduler", Args: append(clientArgs(c.At, "kube-scheduler"), "--bind-address=127.0.0.1", "--leader-elect=false")}
}

func clientArgs(at layout.Cluster, component string) []string {
	file := Kubeconfig(at, component)
	return []string{"--kubeconfig=" + file, "--authentication-kubeconfig=" + file, "--authorization-kubeconfig=" + file}
}

// Containerd runs the containers of the node whose namespaces it is started in.
func Containerd() Program {
	return Program{Name: "containerd", Args: []string{"--config=/etc/containerd/config.toml", "--log-level=info"}}
}

// Kubelet is the agent of the node.
func Kubelet(at layout.Cluster, node, address string) Program {
	return Program{Name: "kubelet", Args: []string{
		"--config=/etc/kubernetes/kubelet.yaml", "--kubeconfig=" + Kubeconfig(at, node), "--hostname-override=" + node, "--node-ip=" + address,
		"--root-dir=/var/lib/kubelet", "--v=1",
	}}
}

// Proxy makes the services of the node. It leaves the settings of connection tracking alone: they are the whole machine's.
func Proxy(at layout.Cluster, node string) Program {
	return Program{Name: "kube-proxy", Args: []string{
		"--kubeconfig=" + Kubeconfig(at, "kube-proxy"), "--hostname-override=" + node, "--proxy-mode=nftables", "--cluster-cidr=" + network.Pods,
		"--conntrack-max-per-core=0", "--conntrack-min=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
		"--oom-score-adj=0",
	}}
}
