// Command gen writes mpi.h, the header of the MPI-5.0 standard C ABI for WebAssembly, mpi-ext.h,
// that of the extensions, and package raw, both for Go, from the data of the standard in mpi/abi.
// Run it with "go generate ./sdk/mpi".
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

const data = "../../mpi/abi"

// families are in the order of the standard.
var families = []struct{ name, title string }{
	{"point-to-point", "Point-to-point communication (chapters 3 and 4)"},
	{"datatype", "Datatypes (chapter 5)"},
	{"collective", "Collective communication (chapter 6)"},
	{"group", "Groups (7.3)"},
	{"communicator", "Communicators (7.4 to 7.6)"},
	{"attribute", "Attributes (7.7)"},
	{"topology", "Topologies (chapter 8)"},
	{"environment", "Environment (chapters 9 and 11)"},
	{"error", "Errors (9.3 to 9.5)"},
	{"info", "Info objects (chapter 10)"},
	{"removed", "Removed in MPI 3.0, and still called by old programs"},
	{"session", "Sessions (11.3)"},
	{"rma", "One-sided communication (chapter 12)"},
	{"io", "Files (chapter 14)"},
	{"tool", "Tools (chapter 15)"},
}

func main() {
	log.SetFlags(0)
	out := flag.String("o", ".", "the `directory` to write to: mpi.h, mpi-ext.h, and raw/")
	flag.Parse()
	family := map[string]string{}
	for _, r := range rows("tiers.tsv") {
		family[r[0]] = r[2]
	}
	removed := rows("removed.tsv")
	for _, r := range removed {
		family[r[0]] = "removed"
	}
	var b bytes.Buffer
	b.WriteString(prologue)
	constants(&b, rows("constants.tsv"))
	b.WriteString(callbacks)
	functions(&b, append(rows("functions.tsv"), removed...), family)
	b.WriteString(epilogue)
	if err := os.WriteFile(filepath.Join(*out, "mpi.h"), b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	extensions := rows("extensions.tsv")
	for _, r := range extensions {
		family[r[0]] = "extension"
	}
	b.Reset()
	b.WriteString(extensionPrologue)
	declareAll(&b, extensions, family, "extension")
	b.WriteString(extensionEpilogue)
	if err := os.WriteFile(filepath.Join(*out, "mpi-ext.h"), b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	prototypes := map[string][]string{}
	for _, r := range append(append(rows("functions.tsv"), removed...), extensions...) {
		prototypes[r[0]] = names(r[2])
	}
	rawGo(filepath.Join(*out, "raw"), prototypes)
}

func rows(file string) (list [][]string) {
	f, err := os.Open(filepath.Join(data, file))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); line != "" && line[0] != '#' {
			list = append(list, strings.Split(line, "\t"))
		}
	}
	return list
}

// constants writes a macro for each constant, so that programs can test for it with #ifdef.
func constants(b *bytes.Buffer, rows [][]string) {
	group := ""
	for _, r := range rows {
		name, typ, value := r[0], r[1], r[2]
		if g := groupOf(name, typ); g != group {
			fmt.Fprintf(b, "\n/* %s */\n", g)
			group = g
		}
		if typ != "int" {
			value = "((" + cType(typ) + ")" + value + ")"
		} else if value[0] == '-' {
			value = "(" + value + ")"
		}
		fmt.Fprintf(b, "#define %-34s %s\n", name, value)
	}
}

// cType spells a type of the table as C does: "void*" is "void *".
func cType(typ string) string {
	bare := strings.TrimRight(typ, "*")
	if bare == typ {
		return typ
	}
	return bare + " " + typ[len(bare):]
}

var groups = []struct{ prefix, title string }{
	{"MPI_VERSION", "Versions"}, {"MPI_SUBVERSION", "Versions"}, {"MPI_ABI_", "Versions"},
	{"MPI_T_ERR_", "Error classes of tools"}, {"MPI_T_", "Tools"},
	{"MPI_SUCCESS", "Error classes"}, {"MPI_ERR_", "Error classes"},
	{"MPI_MAX_", "Sizes of strings, with their end"}, {"MPI_F_", "MPI_Status in Fortran"},
	{"MPI_MODE_", "Modes of files and windows"}, {"MPI_THREAD_", "Support of threads"},
	{"MPI_COMBINER_", "Combiners of datatypes"}, {"MPI_DISTRIBUTE_", "Distributions"}, {"MPI_ORDER_", "Storage orders"},
	{"MPI_TYPECLASS_", "Type classes"}, {"MPIX_TYPECLASS_", "Type classes"},
	{"MPI_WIN_", "Windows"}, {"MPI_SEEK_", "Files"}, {"MPI_LOCK_", "Windows"},
	{"MPI_COMM_TYPE_", "Kinds of communicators"},
}

func groupOf(name, typ string) string {
	switch {
	case strings.HasSuffix(typ, "_function*") || strings.HasSuffix(typ, "_function_c*"):
		return "Callbacks that are there already"
	case strings.HasSuffix(typ, "*"):
		return "Addresses with a meaning"
	case typ != "int" && typ != "MPI_Offset" || strings.HasPrefix(name, "MPI_C_COMPLEX") || name == "MPI_LONG_LONG_INT":
		if strings.HasPrefix(typ, "MPI_T_") {
			return "Handles of tools"
		}
		return "Handles"
	}
	for _, g := range groups {
		if strings.HasPrefix(name, g.prefix) {
			return g.title
		}
	}
	return "Values"
}

// functions declares all functions, those too that the host does not provide.
func functions(b *bytes.Buffer, rows [][]string, family map[string]string) {
	slices.SortStableFunc(rows, func(x, y []string) int { return strings.Compare(x[0], y[0]) })
	for _, f := range families {
		fmt.Fprintf(b, "\n/* %s */\n", f.title)
		declareAll(b, rows, family, f.name)
	}
}

// declareAll declares the functions of a family.
func declareAll(b *bytes.Buffer, rows [][]string, family map[string]string, of string) {
	for _, r := range rows {
		if family[r[0]] != of {
			continue
		}
		for _, name := range []string{r[0], "P" + r[0]} {
			if _, ok := abi.Lookup(r[0]); !ok {
				log.Fatalf("package abi does not know %s", r[0])
			}
			attribute := "MPI_ABI_IMPORT(" + name + ")"
			declare(b, name, r[1], r[2], attribute)
		}
	}
}

const width = 120

// declare writes one prototype, in lines of at most width.
func declare(b *bytes.Buffer, name, result, params, attribute string) {
	line := result + " " + name + "("
	words := strings.Split(params+") "+attribute+";", ", ")
	if i := strings.Index(words[len(words)-1], ") "); i >= 0 {
		last := words[len(words)-1]
		words = append(words[:len(words)-1], last[:i+1], last[i+2:])
	}
	for i, word := range words {
		switch {
		case i == len(words)-1:
			word = " " + word
		case i < len(words)-2:
			word += ","
			if i > 0 {
				word = " " + word
			}
		case i > 0:
			word = " " + word
		}
		if len(line)+len(word) > width {
			b.WriteString(line + "\n")
			line, word = "    ", strings.TrimPrefix(word, " ")
		}
		line += word
	}
	b.WriteString(line + "\n")
}
