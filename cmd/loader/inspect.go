package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
)

// report is what "inspect" tells of a module.
type report struct {
	File   string        `json:"file"`
	Name   string        `json:"name,omitempty"`
	Built  []string      `json:"built,omitempty"`
	Kind   string        `json:"kind"` // "mpi", "handler" or "library"
	Size   int64         `json:"size"` // bytes, as what follows
	Code   int64         `json:"code"`
	Data   int64         `json:"data"`
	Debug  int64         `json:"debug"`
	Memory *reportMemory `json:"memory,omitempty"`
	// the name that the function table is exported as
	Table   string         `json:"table,omitempty"`
	Imports map[string]int `json:"imports"` // how many, by module
	MPI     []string       `json:"mpi"`     // functions of MPI that it imports
	// those of them that the host does not provide: each call returns an error
	Unsupported []string `json:"unsupported"`
	Missing     []string `json:"missing"`        // imports that the host does not have
	More        int      `json:"more,omitempty"` // of them, that are not in Missing
	Exported    []string `json:"exports"`
}

type reportMemory struct {
	Min int64 `json:"min"`           // bytes
	Max int64 `json:"max,omitempty"` // absent: as much as the node allows
}

const page = 64 << 10 // bytes

func (a *app) inspectCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect FILE.wasm",
		Short: "Show what a WebAssembly program needs of a node",
		Long: `Shows what a WebAssembly program is and needs: whether it is an MPI program or a handler of messages, its imports, the
functions of MPI among them, its memory and size. Needs no node.

Functions of MPI that nodes do not provide (one-sided communication, files, sessions, …) are listed: a call of one returns
MPI_ERR_UNSUPPORTED_OPERATION. The exit code is 1 if the program imports something else that this version of ipfs-mpi lacks.`,
		Example: `  ipfs-mpi inspect heat.wasm
  ipfs-mpi inspect --json heat.wasm | jq -r '.missing[]'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions([]string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: a.do(func(_ context.Context, args []string) error {
			wasm, err := readProgram(args[0])
			if err != nil {
				return err
			}
			m, err := module.Inspect(wasm)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			use := m.Use()
			r := describeModule(args[0], &m, use)
			if asJSON {
				err = a.printJSON(r)
			} else {
				err = a.printReport(r)
			}
			if err != nil {
				return err
			}
			if err := use.Err(); err != nil {
				return errors.New(args[0] + " cannot run: " + err.Error())
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func describeModule(file string, m *module.Module, use module.Use) report {
	r := report{File: file, Name: m.Name, Built: m.Built, Kind: "handler", Size: m.Size, Code: m.Code, Data: m.Data, Debug: m.Debug,
		Imports: map[string]int{}, MPI: orEmpty(use.MPI), Unsupported: orEmpty(use.Unsupported), Missing: []string{}, More: use.More, Exported: []string{}}
	if len(use.MPI) > 0 {
		r.Kind = "mpi"
	}
	if e, ok := m.Export("_start"); !ok || e.Kind != module.Function {
		r.Kind = "library"
	}
	if len(m.Memories) > 0 {
		mem := m.Memories[0]
		r.Memory = &reportMemory{Min: int64(min(mem.Min, 1<<16)) * page}
		if mem.Bounded {
			r.Memory.Max = int64(min(mem.Max, 1<<16)) * page
		}
	}
	r.Table, _ = m.FunctionTable()
	for _, imp := range m.Imports {
		r.Imports[imp.Module]++
	}
	for _, missing := range use.Missing {
		r.Missing = append(r.Missing, missing.String())
	}
	for _, e := range m.Exports {
		r.Exported = append(r.Exported, e.Name)
	}
	return r
}

func (a *app) printReport(r report) error {
	name := r.File
	if r.Name != "" {
		name += " (" + r.Name + ")"
	}
	kinds := map[string]string{"mpi": "an MPI program: run it with \"ipfs-mpi run\"", "handler": "a handler of messages: send to it with \"ipfs-mpi send\"",
		"library": "no program: it exports no _start"}
	fmt.Fprintf(a.out, "%s: %s\n", clean(name, false), kinds[r.Kind])
	var rows [][]string
	if len(r.Built) > 0 {
		rows = append(rows, []string{"built by", clean(strings.Join(r.Built, ", "), false)})
	}
	rows = append(rows, []string{"size", fmt.Sprintf("%s: code %s, data %s, names and debugging information %s", amount(r.Size), amount(r.Code), amount(r.Data), amount(r.Debug))})
	memory := "none"
	if r.Memory != nil {
		memory = amount(r.Memory.Min) + " to begin with, at most " + amount(r.Memory.Max)
		if r.Memory.Max == 0 {
			memory = amount(r.Memory.Min) + " to begin with, and as much as the node allows"
		}
	}
	rows = append(rows, []string{"memory", memory})
	table := "not exported"
	if r.Table != "" {
		table = "exported as " + clean(r.Table, false)
	}
	rows = append(rows, []string{"function table", table})
	var imports []string
	for name, n := range r.Imports {
		imports = append(imports, clean(name, false)+" "+strconv.Itoa(n))
	}
	slices.Sort(imports)
	rows = append(rows, []string{"imports", orNone(strings.Join(imports, ", "))})
	rows = append(rows, []string{"MPI functions", strconv.Itoa(len(r.MPI))})
	if err := a.table(rows); err != nil {
		return err
	}
	for _, name := range r.MPI {
		fmt.Fprintf(a.out, "  %s\n", clean(name, false))
	}
	if len(r.Unsupported) > 0 {
		fmt.Fprintln(a.out, "of them return MPI_ERR_UNSUPPORTED_OPERATION:")
		for _, name := range r.Unsupported {
			fmt.Fprintf(a.out, "  %s: %s\n", name, whyUnsupported(name))
		}
	}
	if len(r.Missing) == 0 {
		_, err := fmt.Fprintln(a.out, "nothing is missing")
		return err
	}
	fmt.Fprintln(a.out, "missing on this host:")
	for _, name := range r.Missing {
		fmt.Fprintf(a.out, "  %s\n", clean(name, false))
	}
	if r.More > 0 {
		fmt.Fprintf(a.out, "  and %d more\n", r.More)
	}
	return nil
}

// whyUnsupported says why the host does not provide a function of MPI.
func whyUnsupported(name string) string {
	i, _ := abi.Lookup(name)
	return abi.Functions[i].Lacks
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func amount(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
