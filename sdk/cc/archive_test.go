package cc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// object is an object for WebAssembly with these functions.
func object(names ...string) []byte {
	table := []byte{byte(len(names))}
	for i, name := range names {
		table = append(append(table, kindFunction, 0, byte(i), byte(len(name))), name...)
	}
	linking := slices.Concat([]byte("\x07linking\x02\x08"), []byte{byte(len(table))}, table)
	return slices.Concat(wasmMagic, []byte("\x01\x00\x00\x00\x00"), []byte{byte(len(linking))}, linking)
}

func TestSymbols(t *testing.T) {
	list, err := symbols(object("half", "main"))
	if want := []symbol{{"half", true, true, false}, {"main", true, true, false}}; err != nil || !slices.Equal(list, want) {
		t.Errorf("%v %v", list, err)
	}
	if onlyMain(object("half", "main")) || !onlyMain(object("main")) || onlyMain(object()) || onlyMain([]byte("text")) {
		t.Error("a probe is not what it should be")
	}
}

// The ar of macOS makes an index whose name is before its content: it is no member.
func TestIndexOfMacOS(t *testing.T) {
	member := func(name string, data []byte) []byte {
		return fmt.Appendf(nil, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s%s", fmt.Sprintf("#1/%d", len(name)), 0, 0, 0, 0o644, len(name)+len(data), name, data)
	}
	const index = "__.SYMDEF SORTED"
	half := member("half.o", append(object("half"), make([]byte, len(object("half"))%2)...))
	for empty, table := range map[bool][]byte{true: make([]byte, 8), false: {8, 0, 0, 0, 0, 0, 0, 0}} {
		list, indexed, err := readArchive(slices.Concat(member(index, table), half), false, "")
		if err != nil || indexed == empty || len(list) != 1 || list[0].name != "half.o" {
			t.Errorf("%d members, indexed %t: %v", len(list), indexed, err)
		}
	}
}

// Of two compilers that make a kit at once, the slower one leaves that of the other, which is in
// use, where it is.
func TestInstall(t *testing.T) {
	for _, there := range []string{"", "whole", "damaged"} {
		temp := t.TempDir()
		made, place := filepath.Join(temp, "made"), filepath.Join(temp, "place")
		write := func(dir, text string) {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "file"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text := func() string { b, _ := os.ReadFile(filepath.Join(place, "file")); return string(b) }
		write(made, "mine")
		want := "mine"
		if there != "" {
			write(place, there)
		}
		if there == "whole" {
			want = there
		}
		if err := install(made, place, temp, func() bool { return text() == "whole" || text() == "mine" }); err != nil || text() != want {
			t.Errorf("where there is %q: %q, %v", there, text(), err)
		}
	}
}

// What is no archive, or a damaged one, is an error, and what is written can be read.
func FuzzArchive(f *testing.F) {
	whole, err := writeArchive([]member{{"half.o", object("half", "third")}, {"a-name-that-is-too-long.o", object("x")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole[len(archiveMagic):])
	f.Add([]byte("#1/4            0           0     0     644     6         `\nhalf\x00\x01"))
	f.Fuzz(func(t *testing.T, rest []byte) {
		list, _, err := readArchive(rest, false, "")
		if err != nil {
			return
		}
		out, err := writeArchive(list)
		if err != nil || out == nil {
			return
		}
		again, _, err := readArchive(out[len(archiveMagic):], false, "")
		if err != nil || len(again) != len(list) {
			t.Fatalf("%d members of %d: %v", len(again), len(list), err)
		}
		for i := range list {
			if !bytes.Equal(again[i].data, list[i].data) {
				t.Fatalf("member %d differs", i)
			}
		}
	})
}
