//go:build e2e

package e2e

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installed is a repository of a stock ipfs with the plugin in it, as the README says.
func installed(t testing.TB) string {
	t.Helper()
	dir := repo(t, stock)
	run(t, dir, "mkdir", filepath.Join(dir, "plugins"))
	run(t, dir, "cp", plugin, filepath.Join(dir, "plugins"))
	return dir
}

func add(t testing.TB, repo string) string {
	t.Helper()
	return strings.TrimSpace(run(t, repo, stock, "add", "-Q", "-r", "--cid-version=1", storeDir))
}

// A stock ipfs, the plugin copied, one setting, and a curl written from the page that started it
// all.
func TestStockIpfs(t *testing.T) {
	dir := installed(t)
	run(t, dir, stock, "config", "Plugins.Plugins.mpi.Config.Store", "/ipfs/"+add(t, dir))
	n := daemon(t, dir, stock)
	serving(t, n, "echo/1.0.0")
	// The page's own request, with real addresses. curl adds a Content-Type of forms, which must
	// not matter.
	body := strings.NewReplacer("ToAdress1", n.Peer, "ToAdress2", n.Peer, "ToAdress3", n.Peer, "YourAdress", n.Peer).Replace(`{
  "Pid": 11,
  "messages" : [
      {
        "Pid":11,
        "To":"ToAdress1",
        "From":"YourAdress",
        "Data": [12, 32, 40]
      },
      {
        "Pid":11,
        "To":"ToAdress2",
        "From":"YourAdress",
        "Data": [20, 50, 51, 54]
      },
      {
        "Pid":11,
        "To":"ToAdress3",
        "From":"YourAdress",
        "Data": [12, 20]
      }
  ]
}`)
	out, err := exec.Command("curl", "-sS", "-H", "Expected: 3", "-H", "File: echo/1.0.0", "-d", body, n.API).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got envelope
	decode(t, out, &got)
	if got.Pid != 11 || len(got.Messages) != 3 {
		t.Fatalf("%s", out)
	}
	want := map[string]bool{"[12,32,40]": true, "[20,50,51,54]": true, "[12,20]": true}
	for _, m := range got.Messages {
		b, _ := json.Marshal(m.Data)
		if !want[string(b)] || m.From != n.Peer || m.To != n.Peer || m.Pid != 11 {
			t.Errorf("%+v", m)
		}
		delete(want, string(b))
	}
	out, err = exec.Command("curl", "-sS", "-X", "POST", "-H", "List: any", n.API).Output()
	if err != nil || !strings.Contains(string(out), `"host"`) || !strings.Contains(string(out), `"peers"`) {
		t.Errorf("List: %s, %v", out, err)
	}
	n.proc.stop(t, os.Interrupt)
	if _, err := os.Stat(filepath.Join(dir, "mpi", "api")); err == nil {
		t.Error("a clean stop leaves the address of the API")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "mpi", "*tmp*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// serving waits until the node says that it serves the interpreter.
func serving(t testing.TB, n *node, file string) {
	t.Helper()
	name, version, _ := strings.Cut(file, "/")
	n.proc.await(t, n.API+" to serve "+file, func() bool {
		res, err := http.Get(n.API + "/v1/interpreters")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		var list []struct{ Name, Version, State string }
		var doc struct{ Interpreters json.RawMessage }
		dec := json.NewDecoder(res.Body)
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			return false
		}
		if json.Unmarshal(raw, &list) != nil {
			if json.Unmarshal(raw, &doc) != nil || json.Unmarshal(doc.Interpreters, &list) != nil {
				return false
			}
		}
		for _, i := range list {
			if i.Name == name && i.Version == version && i.State == "ready" {
				return true
			}
		}
		return false
	})
}

// The three ways to run a node serve one pool and answer each other.
func TestThreeKindsOfNode(t *testing.T) {
	withSo := installed(t)
	cid := add(t, withSo)
	run(t, withSo, stock, "config", "Plugins.Plugins.mpi.Config.Store", "/ipfs/"+cid)
	a := daemon(t, withSo, stock)

	preloaded := repo(t, loader, "ipfs")
	run(t, preloaded, loader, "ipfs", "config", "Plugins.Plugins.mpi.Config.Store", cid)
	b := preload(t, preloaded)
	connect(t, a, b, stock)

	// The seed's line, beside a daemon without the plugin. Its first flags are the page's own.
	beside := repo(t, stock)
	run(t, beside, stock, "config", "--json", "Plugins.Plugins.mpi", `{"Disabled":true}`)
	c := daemonOnly(t, beside)
	connect(t, a, c, stock)
	state := t.TempDir()
	main := filepath.Join(state, "main")
	if err := os.Symlink(loader, main); err != nil {
		t.Fatal(err)
	}
	side := launch(t, []string{"HOME=" + state, "XDG_CONFIG_HOME=" + state}, main,
		"-ipfs-api", c.RPC, "-ipfs-store", cid+"/", "-listen", "/ip4/127.0.0.1/tcp/0", "-api", "/ip4/127.0.0.1/tcp/0")
	s := &node{proc: side}
	side.await(t, "the sidecar", func() bool {
		for _, word := range strings.Fields(side.output()) {
			if word = strings.Trim(word, `"',.`); strings.HasPrefix(word, "http://127.0.0.1:") {
				s.API = word
			}
		}
		return s.API != ""
	})
	status, body := post(t, s, envelope{}, "List", "yes")
	if status != http.StatusOK {
		t.Fatalf("%d: %s", status, body)
	}
	var list struct{ Host string }
	decode(t, body, &list)
	s.Peer = list.Host

	all := []*node{a, b, s}
	for _, from := range all {
		serving(t, from, "echo/1.0.0")
	}
	for _, from := range all {
		members(t, from, "echo/1.0.0", 2)
		e := envelope{Pid: 5}
		want := map[string]bool{}
		for _, to := range all {
			e.Messages = append(e.Messages, message{Pid: 5, To: to.Peer, From: from.Peer, Data: data(to.Peer)})
			want[to.Peer] = true
		}
		for _, m := range answers(t, from, e, "File", "echo/1.0.0") {
			if m.From != text(m.Data) || !want[m.From] {
				t.Errorf("%+v", m)
			}
			delete(want, m.From)
		}
		if len(want) > 0 {
			t.Errorf("%s did not get an answer from %v", from.Peer, want)
		}
	}
}

// preload starts ipfs-mpi daemon.
func preload(t testing.TB, repo string) *node {
	t.Helper()
	p := launch(t, []string{"IPFS_PATH=" + repo}, loader, "daemon")
	n := &node{Repo: repo, proc: p}
	p.await(t, "the daemon", func() bool { return strings.Contains(p.output(), "Daemon is ready") })
	n.RPC = strings.TrimSpace(readFile(t, filepath.Join(repo, "api")))
	n.API = url(t, strings.TrimSpace(readFile(t, filepath.Join(repo, "mpi", "api"))))
	n.Peer = strings.TrimSpace(run(t, repo, stock, "id", "-f", "<id>"))
	return n
}

// daemonOnly starts a stock daemon without the plugin.
func daemonOnly(t testing.TB, repo string) *node {
	t.Helper()
	p := launch(t, []string{"IPFS_PATH=" + repo}, stock, "daemon")
	p.await(t, "the daemon", func() bool { return strings.Contains(p.output(), "Daemon is ready") })
	return &node{Repo: repo, proc: p, RPC: strings.TrimSpace(readFile(t, filepath.Join(repo, "api")))}
}

// A command that is not the daemon prints the same with the plugin as without.
func TestPluginIsSilent(t *testing.T) {
	with, without := installed(t), repo(t, stock)
	for _, args := range [][]string{{"version"}, {"version", "--all"}, {"config", "Routing.Type"}} {
		out1, err1, e1 := try(with, append([]string{stock}, args...)...)
		out2, err2, e2 := try(without, append([]string{stock}, args...)...)
		if e1 != nil || e2 != nil || out1 != out2 || err1 != err2 {
			t.Errorf("ipfs %s: with the plugin %q %q %v, without %q %q %v", args, out1, err1, e1, out2, err2, e2)
		}
	}
}

// A bad setting stops the daemon with an error that says what to do, and ipfs config can still
// repair it.
func TestBadSettingStopsTheDaemon(t *testing.T) {
	dir := installed(t)
	run(t, dir, stock, "config", "Plugins.Plugins.mpi.Config.Slots", "many")
	out, errs, err := try(dir, stock, "daemon")
	if err == nil {
		t.Fatal("the daemon started")
	}
	for _, s := range []string{"Plugins.Plugins.mpi.Config.Slots", `"many"`, "from 1 to 4096"} {
		if !strings.Contains(out+errs, s) {
			t.Errorf("the error does not say %q:\n%s%s", s, out, errs)
		}
	}
	run(t, dir, stock, "config", "--json", "Plugins.Plugins.mpi.Config.Slots", "3")
	n := daemon(t, dir, stock)
	res, err := http.Get(n.API + "/v1/node")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var status struct{ Slots int }
	if err := json.NewDecoder(res.Body).Decode(&status); err != nil || status.Slots != 3 {
		t.Errorf("%+v, %v", status, err)
	}
}

// An address that is taken stops the daemon too, rather than leave the user without an API.
func TestTakenAddressStopsTheDaemon(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port)
	dir := installed(t)
	run(t, dir, stock, "config", "Plugins.Plugins.mpi.Config.API", addr)
	out, errs, err := try(dir, stock, "daemon")
	if err == nil || !strings.Contains(out+errs, "Plugins.Plugins.mpi.Config.API") || !strings.Contains(out+errs, addr) {
		t.Errorf("%v:\n%s%s", err, out, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "mpi", "api")); err == nil {
		t.Error("the address of an API is written down that is not there")
	}
}

// A node without a store pushes to pools that others serve.
func TestWithoutAStore(t *testing.T) {
	dir := installed(t)
	run(t, dir, stock, "config", "Plugins.Plugins.mpi.Config.Store", add(t, dir)+"/")
	a := daemon(t, dir, stock)
	serving(t, a, "echo/1.1.0")
	bare := installed(t)
	b := daemon(t, bare, stock)
	connect(t, b, a, stock)
	members(t, b, "echo", 1)
	got := answers(t, b, envelope{Pid: 2, Messages: []message{{To: a.Peer, Data: []int{7}}}}, "File", "echo")
	if len(got) != 1 || got[0].From != a.Peer || got[0].To != b.Peer {
		t.Errorf("%+v", got)
	}
	status, body := post(t, b, envelope{Pid: 2, Messages: []message{{To: a.Peer}}}, "File", "ecko")
	var p problem
	decode(t, body, &p)
	if status != http.StatusNotFound || !strings.Contains(p.Detail, "ecko") || len(p.Near) == 0 {
		t.Errorf("%d: %s", status, body)
	}
}

// install puts the plugin where a matching ipfs finds it, and refuses for one that does not match.
func TestInstall(t *testing.T) {
	dir := repo(t, stock)
	run(t, dir, loader, "install", "--ipfs", stock, "--so", plugin)
	info, err := os.Stat(filepath.Join(dir, "plugins", "mpi.so"))
	if err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Fatalf("%v, %v", info, err)
	}
	run(t, dir, stock, "version")

	other := repo(t, stock)
	mine, err := exec.LookPath("go") // a Go program that is no ipfs
	if err != nil {
		t.Fatal(err)
	}
	if out, errs, err := try(other, loader, "install", "--ipfs", mine, "--so", plugin); err == nil || errs == "" {
		t.Errorf("installed for %s: %s%s", mine, out, errs)
	}
	if _, err := os.Stat(filepath.Join(other, "plugins", "mpi.so")); err == nil {
		t.Error("copied all the same")
	}
}

// What .ipfs-plugin.json says is what was built.
func TestManifestIsTrue(t *testing.T) {
	var m struct {
		Name, Version, Plugin, File, Kubo, Go, ConfigSchema string
		Flags                                               []string
	}
	decode(t, []byte(readFile(t, built(".ipfs-plugin.json"))), &m)
	info, err := buildinfo.ReadFile(plugin)
	if err != nil {
		t.Fatal(err)
	}
	if info.GoVersion != m.Go {
		t.Errorf("built with %s, says %s", info.GoVersion, m.Go)
	}
	if info.Path != m.Plugin {
		t.Errorf("built from %s, says %s", info.Path, m.Plugin)
	}
	for _, d := range info.Deps {
		if d.Path == "github.com/ipfs/kubo" && d.Version != m.Kubo {
			t.Errorf("built for Kubo %s, says %s", d.Version, m.Kubo)
		}
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	for _, flag := range m.Flags {
		key, value, ok := strings.Cut(flag, "=")
		if !ok {
			value = "true"
		}
		if settings[key] != value {
			t.Errorf("says it is built with %s; it is built with %v", flag, settings)
		}
	}
	if _, err := os.Stat(built(m.ConfigSchema)); err != nil {
		t.Error(err)
	}
	if out := run(t, "", loader, "version", "--json"); !strings.Contains(out, `"`+m.Version+`"`) {
		t.Errorf("ipfs-mpi is version %s, the manifest says %s", out, m.Version)
	}
}
