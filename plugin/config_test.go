package plugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/policy"
)

const somePeer = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"

// schema compiles config.schema.json.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParseConfig(t *testing.T) {
	for _, tc := range []struct {
		json string
		want func(*Config)
	}{
		{`null`, func(*Config) {}},
		{`{}`, func(*Config) {}},
		{`{"Store":"/ipfs/bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"}`,
			func(c *Config) { c.Store = "/ipfs/bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354" }},
		{`{"Store":"QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn/"}`,
			func(c *Config) { c.Store = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn/" }},
		{`{"HandlerSlots":3,"Memory":"64MiB","Timeout":"1m30s","MaxMessage":2048,"MaxStore":0,"KeepUnused":"0s","Programs":"any","Token":"s3cret"}`,
			func(c *Config) {
				c.HandlerSlots, c.Memory, c.Timeout, c.MaxMessage, c.MaxStore, c.KeepUnused = 3, 64<<20, 90*time.Second, 2048, 0, 0
				c.Programs, c.Token = ProgramsAny, "s3cret"
			}},
		{`{"RankSlots":64,"Programs":["QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn","bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"]}`,
			func(c *Config) {
				c.RankSlots, c.Programs = 64, ProgramsListed
				c.Listed = []mpi.CID{"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354", "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"}
			}},
		{`{"API":"/ip4/0.0.0.0/tcp/8000","Token":"s3cret","Hosts":["node.example.org","192.0.2.7","fe80::1"],"Origins":["https://example.org","http://localhost:3000"]}`,
			func(c *Config) {
				c.API, c.Token = ma.StringCast("/ip4/0.0.0.0/tcp/8000"), "s3cret"
				c.Hosts, c.Origins = []string{"node.example.org", "192.0.2.7", "fe80::1"}, []string{"https://example.org", "http://localhost:3000"}
			}},
		{`{"Memory":"4GiB"}`, func(c *Config) { c.Memory, c.MaxMemory = 4<<30, 4<<30 }},
		{`{"Memory":"64MiB","MaxMemory":"1GiB"}`, func(c *Config) { c.Memory, c.MaxMemory = 64<<20, 1<<30 }},
		{`{"Lockdown":"required"}`, func(c *Config) { c.Lockdown = LockdownRequired }},
		{`{"Lockdown":"available"}`, func(*Config) {}},
		{`{"Nice":19,"Cores":"2"}`, func(c *Config) { c.Nice, c.Cores = 19, 2 }},
		{`{"Nice":0}`, func(c *Config) { c.Nice = 0 }},
		{`{"RankSlots":9,"PerPeer":{"Messages":50}}`, func(c *Config) {
			c.RankSlots, c.PerPeer = 9, PerPeer{Messages: 50}
		}},
		{`{"PerPeer":{"RankSlots":0,"HandlerSlots":"2"}}`, func(c *Config) {
			c.PerPeer = PerPeer{HandlerSlots: 2}
		}},
		{`{"QuietHours":["22:00-07:00","12:30-13:00"]}`, func(c *Config) {
			c.QuietHours = []policy.Hours{{From: 22 * 60, To: 7 * 60}, {From: 12*60 + 30, To: 13 * 60}}
		}},
		// what "ipfs config … 5" writes
		{`{"HandlerSlots":"5"}`, func(c *Config) { c.HandlerSlots = 5 }},
	} {
		want := DefaultConfig()
		tc.want(&want)
		v := decode(t, tc.json)
		got, err := ParseConfig(v)
		if err != nil {
			t.Errorf("%s: %v", tc.json, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tc.json, got, want)
		}
		if v != nil {
			if err := schema(t).Validate(v); err != nil {
				t.Errorf("the schema refuses %s: %v", tc.json, err)
			}
		}
	}
	c, err := ParseConfig(decode(t, `{"Serve":["echo","relay/^1.2"],"Peers":{"Allow":["`+somePeer+`"],"Deny":null},"API":"/ip4/127.0.0.1/tcp/0"}`))
	if err != nil || len(c.Serve) != 2 || len(c.Allow) != 1 || c.API.String() != "/ip4/127.0.0.1/tcp/0" {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err := ParseConfig(decode(t, `{"Serve":"echo"}`)); err != nil || len(c.Serve) != 1 {
		t.Errorf("a lone string is not taken for a list of one: %+v, %v", c, err)
	}
}

// The old name of a key goes on working, and the owner is told the new one.
func TestParseConfigTakesOldNames(t *testing.T) {
	in := decode(t, `{"Slots":3,"Ranks":5}`)
	c, err := ParseConfig(in)
	if err != nil || c.HandlerSlots != 3 || c.RankSlots != 5 || len(c.Notes) != 2 {
		t.Fatalf("got %+v, %v, want 3 handler slots, 5 rank slots and a note for each", c, err)
	}
	if err := schema(t).Validate(in); err != nil {
		t.Errorf("the schema refuses the old names: %v", err)
	}
	for i, words := range [][]string{{"Ranks", "RankSlots"}, {"Slots", "HandlerSlots"}} {
		if !strings.Contains(c.Notes[i], configKey+"."+words[0]+" ") || !strings.Contains(c.Notes[i], words[1]) {
			t.Errorf("note %q does not name %v", c.Notes[i], words)
		}
	}
}

// An error must name the key, the value and what is accepted; the schema must refuse the same,
// where a schema can tell.
func TestParseConfigRefuses(t *testing.T) {
	for _, tc := range []struct {
		json   string
		says   []string
		schema bool // the schema refuses it too
	}{
		{`"yes"`, []string{configKey, `"yes"`, "object"}, true},
		{`{"Stoer":"x"}`, []string{"Stoer", "unknown key", "Store"}, true},
		{`{"slots":1}`, []string{"slots", "did you mean HandlerSlots?"}, true},
		{`{"Store":"/ipfs/nonsense"}`, []string{"Store", `"/ipfs/nonsense"`, "/ipns/NAME"}, false},
		{`{"Store":7}`, []string{"Store", "7", "not a string"}, true},
		{`{"API":"localhost:8000"}`, []string{"API", "localhost:8000", "/ip4/127.0.0.1/tcp/8000"}, false},
		{`{"API":"/ip4/127.0.0.1/udp/8000"}`, []string{"API", "udp", "TCP"}, false},
		{`{"API":"/ip4/0.0.0.0/tcp/8000"}`, []string{"API", "/ip4/0.0.0.0/tcp/8000", "no Token", "ipfs-mpi config set Token"}, false},
		{`{"API":"/ip6/::/tcp/8000","Token":""}`, []string{"API", "/ip6/::/tcp/8000", "no Token"}, false},
		{`{"Hosts":["node.example.org:80"]}`, []string{"Hosts", "node.example.org:80", "without a port"}, false},
		{`{"Hosts":["http://node"]}`, []string{"Hosts", "http://node", "host name"}, true},
		{`{"Hosts":[7]}`, []string{"Hosts", "[7]", "item 0"}, true},
		{`{"Origins":["https://example.org/page"]}`, []string{"Origins", "https://example.org/page", "web origins"}, true},
		{`{"Origins":["example.org"]}`, []string{"Origins", "example.org", "a scheme"}, true},
		{`{"Origins":["https://*.example.org"]}`, []string{"Origins", "https://*.example.org", "by itself"}, false},
		{`{"Origins":["https://example.org:443"]}`, []string{"Origins", "https://example.org:443", "leave the port out"}, false},
		{`{"Origins":["*"]}`, []string{"Origins", "*", "a scheme"}, true},
		{`{"Serve":["echo/not a range!"]}`, []string{"Serve", "echo/not a range!", "semver"}, false},
		{`{"Serve":[1]}`, []string{"Serve", "[1]", "item 0"}, true},
		{`{"Programs":"some"}`, []string{"Programs", `"some"`, `"any"`}, true},
		{`{"Programs":["bafk"]}`, []string{"Programs", `"bafk"`, "CID"}, true},
		{`{"Programs":null}`, []string{"Programs", "null", "CIDs"}, true},
		{`{"Slots":1,"HandlerSlots":2}`, []string{"Slots", "HandlerSlots", "old name"}, false},
		{`{"RankSlots":0}`, []string{"RankSlots", "0", "from 1 to 4096"}, true},
		{`{"Peers":{"Allow":["bob"]}}`, []string{"Peers", "Allow", "bob", "peer ID"}, false},
		{`{"PerPeer":{"Slots":1}}`, []string{"PerPeer", "unknown key", "RankSlots"}, true},
		{`{"PerPeer":{"Messages":-1}}`, []string{"PerPeer", "Messages"}, true},
		{`{"QuietHours":["22-7"]}`, []string{"QuietHours", "22-7", "22:00-07:00"}, true},
		{`{"Peers":{"Block":[]}}`, []string{"Peers", "Block", "Deny"}, true},
		{`{"HandlerSlots":0}`, []string{"HandlerSlots", "0", "from 1 to 4096"}, true},
		{`{"HandlerSlots":1.5}`, []string{"HandlerSlots", "1.5", "whole number"}, true},
		{`{"HandlerSlots":"many"}`, []string{"HandlerSlots", `"many"`, "whole number"}, true},
		{`{"Memory":"1KiB"}`, []string{"Memory", `"1KiB"`, "64KiB"}, false},
		{`{"Memory":"a lot"}`, []string{"Memory", `"a lot"`, "256MiB"}, true},
		{`{"Memory":"1GiB","MaxMemory":"512MiB"}`, []string{"MaxMemory", "512MiB", "Memory", "1024MiB"}, false},
		{`{"MaxMemory":"5GiB"}`, []string{"MaxMemory", "5GiB", "4GiB"}, false},
		{`{"Timeout":"0s"}`, []string{"Timeout", `"0s"`, "1ms"}, false},
		{`{"Timeout":30}`, []string{"Timeout", "30", `"30s"`}, true},
		{`{"MaxMessage":"1TiB"}`, []string{"MaxMessage", "1TiB", "64MiB"}, false},
		{`{"MaxStore":-1}`, []string{"MaxStore", "-1", "no limit"}, true},
		{`{"KeepUnused":"-1h"}`, []string{"KeepUnused", "-1h", "duration"}, true},
		{`{"Lockdown":"whole"}`, []string{"Lockdown", `"whole"`, `"required"`}, true},
		{`{"Nice":20}`, []string{"Nice", "20", "from 0 to 19"}, true},
		{`{"Nice":-1}`, []string{"Nice", "-1", "from 0 to 19"}, true},
		{`{"Cores":1.5}`, []string{"Cores", "1.5", "not a whole number"}, true},
		{`{"Lockdown":true}`, []string{"Lockdown", "true", "not a string"}, true},
	} {
		v := decode(t, tc.json)
		_, err := ParseConfig(v)
		if err == nil {
			t.Errorf("%s is taken", tc.json)
			continue
		}
		for _, s := range tc.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: the error does not say %q: %v", tc.json, s, err)
			}
		}
		if refused := schema(t).Validate(v) != nil; refused != tc.schema {
			t.Errorf("%s: the schema refuses it: %v, want %v", tc.json, refused, tc.schema)
		}
	}
}

// The code, the schema and the page must have the same keys and defaults.
func TestConfigIsDocumented(t *testing.T) {
	b, err := os.ReadFile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Properties map[string]struct {
			Description string
			Default     any
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	keys := slices.Sorted(maps.Keys(settings))
	all := slices.Sorted(slices.Values(slices.Concat(keys, slices.Collect(maps.Keys(renamed)))))
	if got := slices.Sorted(maps.Keys(doc.Properties)); !slices.Equal(got, all) {
		t.Errorf("the schema has the keys %v, the code %v", got, all)
	}
	page, err := os.ReadFile(filepath.Join("..", "docs", "config.md"))
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]any{}
	for _, key := range keys {
		if !strings.Contains(string(page), "| `"+key+"` |") {
			t.Errorf("docs/config.md lacks %s", key)
		}
		p := doc.Properties[key]
		if p.Description == "" {
			t.Errorf("the schema does not describe %s", key)
		}
		if p.Default != nil {
			defaults[key] = p.Default
			if s, ok := p.Default.(string); ok && s != "" && !strings.Contains(string(page), fmt.Sprintf("| `%s` | `%s` |", key, s)) {
				t.Errorf("docs/config.md does not have %q as the default of %s", s, key)
			}
		}
	}
	got, err := ParseConfig(defaults)
	if err != nil {
		t.Fatalf("the schema's defaults are refused: %v", err)
	}
	if want := DefaultConfig(); !reflect.DeepEqual(got, want) {
		t.Errorf("the schema's defaults are\n%+v\nthe code's\n%+v", got, want)
	}
}

// All that is wrong is told at once.
func TestParseConfigTellsAll(t *testing.T) {
	_, err := ParseConfig(decode(t, `{"HandlerSlots":0,"Memory":"x","Stoer":"y","Token":"z"}`))
	if err == nil {
		t.Fatal("it is taken")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %v", len(lines), err)
	}
	for i, key := range []string{"HandlerSlots", "Memory", "Stoer"} {
		if !strings.HasPrefix(lines[i], configKey+"."+key) {
			t.Errorf("line %d is %q", i, lines[i])
		}
	}
}

func TestDefaults(t *testing.T) {
	values := Defaults()
	if got := slices.Sorted(maps.Keys(values)); !slices.Equal(got, Keys()) {
		t.Errorf("defaults of %v, keys %v", got, Keys())
	}
	for key, v := range values {
		if v == nil {
			t.Errorf("%s has no default", key)
		}
	}
}

func TestRawConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if v, err := rawConfig(file); v != nil || err != nil {
		t.Errorf("without a file: %v, %v", v, err)
	}
	if err := os.WriteFile(file, []byte(`{"Plugins":{"Plugins":null,"mpi":{"Slots":2}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := rawConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ParseConfig(v); err != nil || c.HandlerSlots != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
}
