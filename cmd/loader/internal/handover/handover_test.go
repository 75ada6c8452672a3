package handover

import (
	"strings"
	"testing"
)

func TestNeedsKubo(t *testing.T) {
	for line, want := range map[string]bool{
		"": false, "version": false, "-h": false, "--help": false, "help daemon": false, "rnu": false, "run daemon": false,
		"daemon": true, "daemon --init": true, "ipfs config show": true, "cluster -n 3": true, "sidecar": true, "install": true,
		"config get": true, "--api x ps": false, "--api=x ps": false, "--api x cluster": true, "--api=x ipfs": true, "--api": false,
		"-ipfs-api x": true, "--ipfs-store=x": true, "-listen x": true, "--listening x": false, "---listen x": false,
		"__complete run ": false, "__complete ipfs con": true, "__completeNoDesc ipfs": true, "__complete": false, "completion bash": false,
	} {
		if got := NeedsKubo(strings.Fields(line)); got != want {
			t.Errorf("NeedsKubo(%q) = %v", line, got)
		}
	}
}

func TestIsSidecarLine(t *testing.T) {
	for arg, want := range map[string]bool{
		"-ipfs-api": true, "--ipfs-api": true, "-ipfs-store=Qm": true, "--listen": true, "-listen=/ip4": true,
		"listen": false, "-l": false, "--api": false, "-listener": false, "---listen": false, "": false, "-": false, "sidecar": false,
	} {
		if got := IsSidecarLine([]string{arg}); got != want {
			t.Errorf("IsSidecarLine(%q) = %v", arg, got)
		}
	}
	if IsSidecarLine(nil) {
		t.Error("a line without arguments is the sidecar's")
	}
}

func TestWrapper(t *testing.T) {
	for name, want := range map[string]string{
		"mpicc": "cc", "/usr/local/bin/mpicc": "cc", "./mpicxx": "c++", "mpic++": "c++", "/x/mpiCC": "c++",
		"ipfs-mpi": "", "": "", "/mpicc/ipfs-mpi": "", "mpicc.sh": "", "/": "",
	} {
		if got := Wrapper(name); got != want {
			t.Errorf("Wrapper(%q) = %q", name, got)
		}
	}
}
