// Package network makes a cluster's network: a LAN with a bridge, which is the world outside the cluster, and one node after the other on
// it. It works on network namespaces that exist already and touches no other.
package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// The addresses are the same in every cluster: each has namespaces of its own.
const (
	LAN        = "172.30.0.0/16"
	LANAddress = "172.30.0.1"
	Pods       = "10.244.0.0/16"
	Services   = "10.96.0.0/16"
	DNS        = "10.96.0.10"
	APIService = "10.96.0.1"
	bridge     = "lan0"
)

// NodeAddress is the address of the node with this number, from 1.
func NodeAddress(number int) string {
	return netip.AddrFrom4([4]byte{172, 30, 0, byte(1 + number)}).String()
}

// NodePods is the range of the pods of the node with this number, from 1.
func NodePods(number int) string { return fmt.Sprintf("10.244.%d.0/24", number) }

// MakeLAN makes the bridge in the calling process's network namespace, which must be a fresh one.
func MakeLAN() error {
	handle, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := up(handle, "lo"); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = bridge
	if err := handle.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return fmt.Errorf("bridge %s: %w", bridge, err)
	}
	if err := address(handle, bridge, LANAddress+"/16"); err != nil {
		return err
	}
	return Forward()
}

// Connect puts a node on the LAN: eth0 in the network namespace of the process pid, with its address and a default route to the LAN.
func Connect(number, pid int) error {
	lan, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer lan.Close()
	space, err := netns.GetFromPid(pid)
	if err != nil {
		return err
	}
	defer func() { _ = space.Close() }()
	node, err := netlink.NewHandleAt(space)
	if err != nil {
		return err
	}
	defer node.Close()

	attrs := netlink.NewLinkAttrs()
	attrs.Name = fmt.Sprintf("node-%d", number)
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(space)}
	if err := lan.LinkAdd(veth); err != nil {
		return fmt.Errorf("%s: %w", attrs.Name, err)
	}
	master, err := lan.LinkByName(bridge)
	if err != nil {
		return err
	}
	port, err := lan.LinkByName(attrs.Name)
	if err != nil {
		return err
	}
	if err := lan.LinkSetMaster(port, master); err != nil {
		return err
	}
	if err := lan.LinkSetUp(port); err != nil {
		return err
	}
	if err := up(node, "lo"); err != nil {
		return err
	}
	if err := address(node, "eth0", NodeAddress(number)+"/16"); err != nil {
		return err
	}
	return route(node, "0.0.0.0/0", LANAddress)
}

// Join routes the pods of every node to it on all other nodes, and the services to the first node on the LAN.
func Join(pids []int) error {
	for i, pid := range pids {
		space, err := netns.GetFromPid(pid)
		if err != nil {
			return err
		}
		handle, err := netlink.NewHandleAt(space)
		if err != nil {
			return errors.Join(err, space.Close())
		}
		for j := range pids {
			if j != i {
				err = errors.Join(err, route(handle, NodePods(j+1), NodeAddress(j+1)))
			}
		}
		handle.Close()
		if err := errors.Join(err, space.Close()); err != nil {
			return err
		}
	}
	handle, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer handle.Close()
	return route(handle, Services, NodeAddress(1))
}

// Forward lets the calling process's network namespace pass packets on.
func Forward() error {
	for _, setting := range []struct{ name, value string }{
		{"net/ipv4/ip_forward", "1"},
		// Packets come in by one way and leave by another: load balancer addresses, services.
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/default/rp_filter", "0"},
	} {
		if err := os.WriteFile(filepath.Join("/proc/sys", setting.name), []byte(setting.value), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Masquerade is the nftables ruleset of a node: pods that speak to the world outside do so with the node's address.
func Masquerade() string {
	return fmt.Sprintf(`table ip cluster {
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr %s ip daddr != %s oifname "eth0" masquerade
	}
}
`, Pods, Pods)
}

func up(handle *netlink.Handle, name string) error {
	link, err := handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := handle.LinkSetUp(link); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func address(handle *netlink.Handle, name, prefix string) error {
	link, err := handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	parsed, err := netlink.ParseAddr(prefix)
	if err != nil {
		return err
	}
	if err := handle.AddrAdd(link, parsed); err != nil {
		return fmt.Errorf("%s on %s: %w", prefix, name, err)
	}
	return handle.LinkSetUp(link)
}

func route(handle *netlink.Handle, to, via string) error {
	_, destination, err := net.ParseCIDR(to)
	if err != nil {
		return err
	}
	if err := handle.RouteAdd(&netlink.Route{Dst: destination, Gw: net.ParseIP(via)}); err != nil {
		return fmt.Errorf("route to %s by %s: %w", to, via, err)
	}
	return nil
}
