package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/terminal"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// The versions in go.mod of what is built in. The part of the executable that prints them links
// neither.
const (
	kuboVersion     = "0.43.0"
	wasmtimeVersion = "44.0.0"
)

// versions is what "version" tells.
type versions struct {
	IpfsMpi  string `json:"ipfs-mpi"`
	Kubo     string `json:"kubo"`
	Wasmtime string `json:"wasmtime"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of ipfs-mpi and of what is built in",
		Example: `  ipfs-mpi version
  ipfs-mpi version --json`,
		Args: cobra.NoArgs,
		RunE: a.do(func(context.Context, []string) error {
			v := builtIn()
			if asJSON {
				return a.printJSON(v)
			}
			_, err := fmt.Fprintf(a.out, "ipfs-mpi %s\nkubo     %s\nwasmtime %s\ngo       %s (%s)\n",
				v.IpfsMpi, v.Kubo, v.Wasmtime, v.Go, v.Platform)
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func builtIn() versions {
	return versions{
		IpfsMpi: mpi.Version, Kubo: kuboVersion, Wasmtime: wasmtimeVersion,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
}

// printLine writes one JSON document on standard output, on one line.
func (a *app) printLine(v any) error { return a.encode(v, "") }

// printJSON writes one JSON document on standard output, indented.
func (a *app) printJSON(v any) error { return a.encode(v, "  ") }

// encode writes a JSON document whose texts may be of peers: it is safe for a terminal.
func (a *app) encode(v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := a.out.Write(terminal.JSON(b.Bytes()))
	return err
}
