package selector_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/selector"
)

// echoes are versions of echo, unsorted.
func echoes() []mpi.Interpreter {
	var list []mpi.Interpreter
	for _, v := range []string{"1.2.0", "1.0.0", "2.0.0", "1.10.0", "3.0.0-rc.1", "0.1.0", "2.0.0+b", "1.0.1", "not", "v9.0.0"} {
		list = append(list, mpi.Interpreter{Name: "echo", Version: v, CID: mpi.CID("cid-" + v)})
	}
	return append(list, mpi.Interpreter{Name: "Echo", Version: "9.0.0"}, mpi.Interpreter{Name: "echo2", Version: "9.0.0"})
}

func TestMatch(t *testing.T) {
	releases := []string{"1.2.0", "1.0.0", "2.0.0", "1.10.0", "0.1.0", "2.0.0+b", "1.0.1"}
	for _, tc := range []struct {
		text   string
		want   []string // in the order of echoes
		newest string
	}{
		{"echo", releases, "2.0.0+b"},
		{"echo/*", releases, "2.0.0+b"},
		{"echo/1", []string{"1.2.0", "1.0.0", "1.10.0", "1.0.1"}, "1.10.0"},
		{"echo/1.x", []string{"1.2.0", "1.0.0", "1.10.0", "1.0.1"}, "1.10.0"},
		{"echo/1.0", []string{"1.0.0", "1.0.1"}, "1.0.1"},
		{"echo/1.0.0", []string{"1.0.0"}, "1.0.0"},
		{"echo/2.0.0", []string{"2.0.0"}, "2.0.0"},
		{"echo/2.0.0+b", []string{"2.0.0+b"}, "2.0.0+b"},
		{"echo/0", []string{"0.1.0"}, "0.1.0"},
		{"echo/^1.2", []string{"1.2.0", "1.10.0"}, "1.10.0"},
		{"echo/~1.0.0", []string{"1.0.0", "1.0.1"}, "1.0.1"},
		{"echo/>=1.0 <2", []string{"1.2.0", "1.0.0", "1.10.0", "1.0.1"}, "1.10.0"},
		{"echo/>=1.0,<1.2", []string{"1.0.0", "1.0.1"}, "1.0.1"},
		{"echo/1.0 - 1.5", []string{"1.2.0", "1.0.0", "1.0.1"}, "1.2.0"},
		{"echo/<1 || >=2", []string{"2.0.0", "0.1.0", "2.0.0+b"}, "2.0.0+b"},
		{"echo/!=1", []string{"2.0.0", "0.1.0", "2.0.0+b"}, "2.0.0+b"},
		{"echo/3", nil, ""},
		{"echo/3.0.0", nil, ""},
		{"echo/3.0.0-rc.1", []string{"3.0.0-rc.1"}, "3.0.0-rc.1"},
		{"echo/>=3.0.0-0", []string{"3.0.0-rc.1"}, "3.0.0-rc.1"},
		{"echo/ ^2 ", []string{"2.0.0", "2.0.0+b"}, "2.0.0+b"},
		{"none", nil, ""},
	} {
		t.Run(tc.text, func(t *testing.T) {
			sel, err := selector.Parse(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, i := range echoes() {
				if sel.Match(i) {
					if i.Name != "echo" {
						t.Errorf("matches %s", i)
					}
					got = append(got, i.Version)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("matches %q, want %q", got, tc.want)
			}
			newest, ok := sel.Newest(echoes())
			if newest.Version != tc.newest || ok != (tc.newest != "") {
				t.Errorf("newest is %q (%v), want %q", newest.Version, ok, tc.newest)
			}
			again, err := selector.Parse(sel.String())
			if err != nil || again.String() != sel.String() {
				t.Errorf("%q reads back as %q: %v", sel, again, err)
			}
		})
	}
}

func TestNewestKeepsTheFirstOfEquals(t *testing.T) {
	sel, _ := selector.Parse("echo")
	got, _ := sel.Newest([]mpi.Interpreter{{Name: "echo", Version: "1.0.0", CID: "a"}, {Name: "echo", Version: "1.0.0", CID: "b"}})
	if got.CID != "a" {
		t.Errorf("got %s", got.CID)
	}
}

func TestExactVersion(t *testing.T) {
	for text, want := range map[string]string{"echo/1.0.0": "1.0.0", "echo/1.0": "", "echo": "", "echo/=1.0.0": ""} {
		sel, err := selector.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := sel.Version(); v != want || ok != (want != "") {
			t.Errorf("%s: Version is %q, %v", text, v, ok)
		}
		if sel.Name() != "echo" {
			t.Errorf("%s: Name is %q", text, sel.Name())
		}
	}
}

func TestZeroSelectorMatchesNothing(t *testing.T) {
	var sel selector.Selector
	if sel.Match(mpi.Interpreter{}) || sel.Match(mpi.Interpreter{Name: "echo", Version: "1.0.0"}) {
		t.Error("it matches")
	}
}

func TestParseErrors(t *testing.T) {
	for text, says := range map[string]string{
		"":                                  "not the name",
		"/":                                 "not the name",
		"/1.0.0":                            "not the name",
		".echo":                             "not the name",
		"-x/1":                              "not the name",
		"../etc":                            "not the name",
		"e cho":                             "not the name",
		"écho":                              "not the name",
		" echo":                             "not the name",
		strings.Repeat("a", 129):            "not the name",
		"echo/":                             "nothing follows",
		"echo/  ":                           "nothing follows",
		"echo/latest":                       "neither a version",
		"echo/1.0.0.0":                      "neither a version",
		"echo/1/2":                          "neither a version",
		"echo/>":                            "neither a version",
		"echo/99999999999999999999":         "neither a version",
		"echo/1.0.0 || ":                    "neither a version",
		"echo/" + strings.Repeat("1 ", 140): "at most",
		strings.Repeat("a", 10_000):         "10000 bytes",
	} {
		_, err := selector.Parse(text)
		if err == nil {
			t.Errorf("%.40q: accepted", text)
			continue
		}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v: does not say %q", text, err, says)
		}
		if len(err.Error()) > 2000 {
			t.Errorf("%.40q: the error has %d bytes", text, len(err.Error()))
		}
	}
}

func TestValidVersion(t *testing.T) {
	for _, ok := range []string{"0.0.0", "1.0.0", "1.2.3-rc.1", "1.2.3+build.5", "1.2.3-0-a.b+001", "18446744073709551615.0.0"} {
		if v, err := selector.ValidVersion(ok); err != nil || v != ok {
			t.Errorf("%q: %q, %v", ok, v, err)
		}
	}
	for _, bad := range []string{"", "1", "1.0", "v1.0.0", "V1.0.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0+", "1.0.0-01", "1.0.0 ", " 1.0.0",
		"1.0.x", "-1.0.0", "+1.0.0", "1.0.0\x00", "1.0.0/..", "..", "18446744073709551616.0.0", "1.0.0-" + strings.Repeat("a", 128)} {
		if _, err := selector.ValidVersion(bad); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

func TestCompare(t *testing.T) {
	// Section 11 of Semantic Versioning 2.0.0, and the order of what that leaves open.
	order := []string{"", "not", "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
		"1.0.0-rc.1", "1.0.0", "1.0.0+a", "1.0.0+b", "1.9.0", "1.10.0", "2.0.0"}
	for i, a := range order {
		for j, b := range order {
			got, want := selector.Compare(a, b), 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = 1
			}
			if got != want || selector.Less(a, b) != (want < 0) {
				t.Errorf("Compare(%q, %q) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestNear(t *testing.T) {
	known := []mpi.Interpreter{
		{Name: "echo", Version: "1.0.0", CID: "a"}, {Name: "echo", Version: "1.0.0", CID: "b"}, {Name: "echo", Version: "1.10.0"}, {Name: "echo", Version: "1.9.0"},
		{Name: "relay", Version: "1.0.0"}, {Name: "wordcount", Version: "1.0.0"}, {Name: "echo-server", Version: "2.0.0"}, {Name: "Relay", Version: "0.1.0"},
	}
	for _, tc := range []struct {
		asked string
		n     int
		want  []string
	}{
		{"ehco", 1, []string{"echo/1.10.0"}},
		{"echo/7", 10, []string{"echo/1.10.0", "echo/1.9.0", "echo/1.0.0", "echo-server/2.0.0"}},
		{"ECHO", 2, []string{"echo/1.10.0", "echo/1.9.0"}},
		{"relai", 10, []string{"Relay/0.1.0", "relay/1.0.0"}},
		{"word", 10, []string{"wordcount/1.0.0"}},
		{"wordcounter", 10, []string{"wordcount/1.0.0"}},
		{"zzz", 10, nil},
		{"", 10, nil},
		{"e", 10, nil},
		{"echo", 0, nil},
		{strings.Repeat("echo", 10_000), 10, []string{"echo/1.10.0", "echo/1.9.0", "echo/1.0.0"}},
	} {
		if got := selector.Near(tc.asked, known, tc.n); !slices.Equal(got, tc.want) {
			t.Errorf("Near(%.20q, %d) = %q, want %q", tc.asked, tc.n, got, tc.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"echo", "echo/1", "echo/1.0.0", "echo/^1.2", "echo/>=1.0 <2", "echo/*", "echo/1.0 - 2.0 || 3", "a/1.0.0-rc.1+b", "/", "echo/|||",
		"echo/x.X.*", "echo/=>1,=<2", "echo/~>1", "\x00/\x00"} {
		f.Add(s, "1.0.0")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, s, version string) {
		i := mpi.Interpreter{Name: "echo", Version: version}
		if _, err := selector.ValidVersion(version); err == nil {
			sel, err := selector.Parse("echo/" + version)
			if err != nil || !sel.Match(i) {
				t.Fatalf("%q does not select itself: %v", version, err)
			}
		}
		selector.Near(s, []mpi.Interpreter{i}, 3)
		sel, err := selector.Parse(s)
		if err != nil {
			return
		}
		if !mpi.ValidName(sel.Name()) {
			t.Fatalf("%q: name %q", s, sel.Name())
		}
		if sel.Match(i) && sel.Name() != "echo" {
			t.Fatalf("%q matches %s", s, i)
		}
		again, err := selector.Parse(sel.String())
		if err != nil || again.Match(i) != sel.Match(i) {
			t.Fatalf("%q reads back as %q: %v", s, sel, err)
		}
	})
}
