package supervisor

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/kube"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/network"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/pki"
	"github.com/cloudgate-dev/cloudgate/test/cluster/internal/program"
)

// certificates makes the authorities, everybody's certificates, and the kubeconfigs.
func (s *supervisor) certificates() error {
	dir, at := s.plan.At.PKI(), s.plan.At
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.MkdirAll(filepath.Dir(at.Audit()), 0o700), os.MkdirAll(at.Etcd(), 0o700)); err != nil {
		return err
	}
	if err := os.WriteFile(program.AuditPolicy(at), []byte(program.AuditRules), 0o600); err != nil {
		return err
	}
	ca, err := pki.NewAuthority(dir, program.CA)
	if err != nil {
		return err
	}
	front, err := pki.NewAuthority(dir, program.FrontProxyCA)
	if err != nil {
		return err
	}
	leaves := []pki.Leaf{
		{Name: program.EtcdServer, CommonName: "etcd", Hosts: []string{"127.0.0.1", "localhost"}},
		{Name: program.EtcdClient, CommonName: "kube-apiserver"},
		{Name: program.APIServer, CommonName: "kube-apiserver", Hosts: []string{
			"127.0.0.1", "localhost", network.APIService, network.NodeAddress(1), NodeName(1),
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		}},
		{Name: program.KubeletClient, CommonName: "kube-apiserver-kubelet-client", Organization: "system:masters"},
		{Name: program.Admin, CommonName: "cluster-admin", Organization: "system:masters"},
	}
	users := []pki.Leaf{
		{Name: "kube-controller-manager", CommonName: "system:kube-controller-manager"},
		{Name: "kube-scheduler", CommonName: "system:kube-scheduler"},
		{Name: "kube-proxy", CommonName: "system:kube-proxy"},
	}
	for number := 1; number <= s.plan.Nodes; number++ {
		name := NodeName(number)
		users = append(users, pki.Leaf{Name: name, CommonName: "system:node:" + name, Organization: "system:nodes"})
		leaves = append(leaves, pki.Leaf{Name: name + "-serving", CommonName: name, Hosts: []string{name, network.NodeAddress(number), "127.0.0.1"}})
	}
	if s.plan.Nodes == 0 {
		users = nil
	}
	for _, leaf := range append(leaves, users...) {
		if _, err := ca.Issue(leaf); err != nil {
			return err
		}
	}
	if _, err := front.Issue(pki.Leaf{Name: program.FrontProxy, CommonName: "front-proxy-client"}); err != nil {
		return err
	}
	if err := pki.SigningKey(dir, program.ServiceAccounts); err != nil {
		return err
	}
	for _, user := range users {
		if err := pki.Kubeconfig(program.Kubeconfig(at, user.Name), at.Name, s.cluster.Inner, ca.PEM(), pki.In(dir, user.Name)); err != nil {
			return err
		}
	}
	admin := pki.In(dir, program.Admin)
	return errors.Join(
		pki.Kubeconfig(at.Kubeconfig(), at.Name, s.cluster.APIServer, ca.PEM(), admin),
		pki.Kubeconfig(at.InnerKubeconfig(), at.Name, s.cluster.Inner, ca.PEM(), admin),
	)
}

// client is the administrator's.
func (s *supervisor) client() (*kube.Client, error) {
	authority, err := os.ReadFile(pki.In(s.plan.At.PKI(), program.CA).Cert)
	if err != nil {
		return nil, err
	}
	return kube.New(s.cluster.Inner, authority, pki.In(s.plan.At.PKI(), program.Admin))
}
