package cli

import "testing"

func TestParseStatus(t *testing.T) {
	const status = "Name:\tetcd\nNSpid:\t4711\t23\nVmHWM:\t  200 kB\nVmRSS:\t  100 kB\n"
	pid, resident := parseStatus(status)
	if pid != 23 || resident != 100<<10 {
		t.Errorf("got process %d with %d bytes, want 23 with %d", pid, resident, 100<<10)
	}
	// A kernel thread has no memory.
	if pid, resident := parseStatus("Name:\tkthreadd\nNSpid:\t2\n"); pid != 2 || resident != 0 {
		t.Errorf("got process %d with %d bytes, want 2 with none", pid, resident)
	}
}

func TestFreePorts(t *testing.T) {
	api, etcd, peer, err := freePorts()
	if err != nil {
		t.Fatal(err)
	}
	if api == etcd || etcd == peer || api == peer {
		t.Errorf("got %d, %d, %d, want three different ports", api, etcd, peer)
	}
}
