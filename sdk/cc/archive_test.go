package cc

import (
	"bytes"
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
