package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Exit codes, part of the command line's contract (docs/cli.md).
const (
	exitOK      = 0
	exitError   = 1 // the command could not do its work
	exitUsage   = 2 // the command line is wrong: nothing was tried
	exitFailed  = 3 // send: some messages failed or not every answer came
	exitTimeout = 4 // send: time was up before every answer came
)

// sameSignal is the time after a signal within which another one repeats the same request. A
// person's second ctrl-C comes later.
const sameSignal = 200 * time.Millisecond

// exitCode is an error with an exit code of its own. A nil err has been told already.
type exitCode struct {
	code int
	err  error
}

func (e exitCode) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e exitCode) Unwrap() error { return e.err }

// usageError is a mistake in the command line. A job may end with the same exit code (exitUsage)
// without one.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// app is one invocation: what the commands share.
type app struct {
	in        io.Reader
	out, errw io.Writer

	apiURL string // --api

	// began is set when a command's own code is reached: any error before is one of usage.
	began bool
}

func newApp(in io.Reader, out, errw io.Writer) *app {
	return &app{in: in, out: out, errw: errw}
}

// execute runs the command line and tells its error, if any, on standard error.
func (a *app) execute(args []string) int {
	root := a.root()
	cmd, err := root, checkCommand(root, args)
	if err == nil {
		cmd, args, err = asMeant(root, args)
	}
	if err == nil {
		root.SetArgs(args)
		cmd, err = root.ExecuteC()
	}
	if err == nil {
		return exitOK
	}
	code, wrong := exitError, !a.began
	var ec exitCode
	var ue usageError
	switch {
	case errors.As(err, &ue):
		wrong = true
	case errors.As(err, &ec):
		if code, wrong = ec.code, false; ec.err == nil {
			return code
		}
	}
	if wrong {
		code = exitUsage
	}
	// The text may be of a peer, as the node passed it on.
	fmt.Fprintf(a.errw, "%s: %s\n", cmd.CommandPath(), clean(err.Error(), true))
	if wrong {
		fmt.Fprintf(a.errw, "Run '%s' for usage.\n", helpFor(cmd))
	}
	return code
}

// helpFor is the command line that shows a command's help. Commands that pass all flags on to Kubo
// or to a compiler show theirs with "help COMMAND".
func helpFor(cmd *cobra.Command) string {
	if cmd.DisableFlagParsing {
		return cmd.Root().Name() + " help " + cmd.Name()
	}
	return cmd.CommandPath() + " --help"
}

// endSignals ask a command to end, and what it runs with it: ctrl-C, kill, a closed terminal, and
// ctrl-\.
var endSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// do wraps a command's code for cobra.
func (a *app) do(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.began = true
		ctx, stop := signal.NotifyContext(cmd.Context(), endSignals...)
		defer stop()
		defer letGo(ctx, stop)()
		return f(ctx, args)
	}
}

// letGo calls stop some time (sameSignal) after a signal has ended ctx. The first signal asks for a
// clean stop; one after that time has its default effect. One before it repeats the request:
// timeout(1) sends a signal to the process and another one to its group.
func letGo(ctx context.Context, stop func()) (cancel func() bool) {
	return context.AfterFunc(ctx, func() { time.AfterFunc(sameSignal, stop) })
}
