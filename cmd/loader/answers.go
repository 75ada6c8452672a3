package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/terminal"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// maxDumped is how many bytes of an answer that is not text are shown.
const maxDumped = 512

// resultDoc is the JSON document of "send --json": the API's own, with what failed.
type resultDoc struct {
	Pid      int64         `json:"Pid"`
	Messages []mpi.Message `json:"messages"`
	Failures []mpi.Failure `json:"failures"`
	Omitted  uint64        `json:"omitted,omitempty"` // failures beyond those listed
}

// printResult writes the answers on standard output and, unless in JSON, what failed on standard
// error.
func (a *app) printResult(r mpi.Result, o sendOptions) error {
	if o.json {
		return a.printLine(resultDoc{r.Pid, orEmpty(r.Messages), orEmpty(r.Failures), r.Omitted})
	}
	for _, m := range r.Messages {
		if o.raw {
			if err := a.writeRaw(m.Data); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(a.out, "%s%s\n", clean(string(m.From), false), readable(m.Data)); err != nil {
			return err
		}
	}
	for _, f := range r.Failures {
		fmt.Fprintln(a.errw, describeFailure(f))
	}
	if r.Omitted > 0 {
		fmt.Fprintf(a.errw, "and %d more failures\n", r.Omitted)
	}
	return nil
}

// writeRaw writes the bytes of an answer. A terminal gets no control sequences that could harm it.
func (a *app) writeRaw(data []byte) error {
	if terminal.Is(a.out) {
		var f terminal.Filter
		data = f.Flush(f.Append(nil, data))
	}
	_, err := a.out.Write(data)
	return err
}

// readable is data as it follows a peer ID: text on the same line, or below it, or a dump of bytes.
func readable(data []byte) string {
	text := strings.TrimSuffix(string(data), "\n")
	switch {
	case len(data) == 0:
		return ": (empty)"
	case !utf8.Valid(data) || clean(text, true) != text:
		dump := hex.Dump(data[:min(len(data), maxDumped)])
		if len(data) > maxDumped {
			dump += fmt.Sprintf("… %d more; --raw and --json have them all\n", len(data)-maxDumped)
		}
		return fmt.Sprintf(" (%d bytes):\n%s", len(data), indent(strings.TrimSuffix(dump, "\n")))
	case strings.Contains(text, "\n"):
		return fmt.Sprintf(" (%d bytes):\n%s", len(data), indent(text))
	}
	return ": " + text
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

// describeFailure is a failure for a person. What a peer wrote into it cannot touch the terminal.
func describeFailure(f mpi.Failure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "failed: message from %s to %s: %s", clean(string(f.From), false), clean(string(f.To), false), clean(string(f.Reason), false))
	if f.Reason == mpi.Exited {
		fmt.Fprintf(&b, " with code %d", f.ExitCode)
	}
	if f.Detail != "" {
		fmt.Fprintf(&b, ": %s", clean(f.Detail, false))
	}
	if s := strings.TrimSpace(f.Stderr); s != "" {
		fmt.Fprintf(&b, "\n%s", indent(clean(s, true)))
	}
	return b.String()
}
