package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/attach"
	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/terminal"
	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

const (
	// startTimeout is for what a node answers at once.
	startTimeout = 30 * time.Second
	// cancelTimeout is for all nodes of a job to be rid of it.
	cancelTimeout = 15 * time.Second
	maxProgram    = 64 << 20 // bytes of a program, as much as the API takes
)

type runOptions struct {
	ranks     ranks
	mapBy     string
	peers     []string
	env       []string
	timeout   span
	waitSlots span
	grace     span
	memory    size
	json      bool
	tag       bool
	output    string
	force     bool
	stdin     string
	quiet     bool
	detach    bool
	check     bool
	deadlock  bool // is allowed
	ft        bool
	spares    spares
	options   []string // of the compiler
}

func (a *app) runCommand() *cobra.Command {
	o := runOptions{ranks: 1}
	cmd := &cobra.Command{
		Use:   "run [flags] PROGRAM [ARGS…]",
		Short: "Run an MPI program on this node and its peers",
		Long: `Runs an MPI program as several ranks, and shows what they write as it comes. Rank 0 runs on this node if it has room for
one, unless --peers says otherwise. PROGRAM is the name of an interpreter (its newest release), name/version, name/range, a CID,
or a file: a .wasm, or a source in C or C++, which is compiled as by "ipfs-mpi cc" unless that was done already. A file is added
to IPFS: peers run it if their Programs is "any" or lists its CID (docs/config.md). What follows PROGRAM are its arguments.

Slots are room for ranks: a node has as many as its setting RankSlots says.

Standard input goes to rank 0, standard output and standard error come from all ranks, in whole lines. When a rank fails,
or a node is lost, the job ends everywhere; with --ft the other ranks are told of it and go on (docs/jobs.md). A node that says
nothing is waited for: see --grace. Ctrl-C ends the job, too; a second ctrl-C leaves at once. With --detach the command prints
the job's ID and leaves: see "ipfs-mpi logs -f", "ps" and "kill".

The exit code is the job's: that of the rank that failed first, or the one it gave to MPI_Abort. It is 1 for whatever else
goes wrong, 2 for wrong usage (a rank may end with 2 as well), and 130 after ctrl-C.`,
		Example: `  ipfs-mpi run -n 8 pi
  ipfs-mpi run -n 6 --tag-output heat/1 200 200
  ipfs-mpi run -n 4 -o pictures mandelbrot
  ipfs-mpi run -n 16 --wait-slots 5m --timeout 1h nbody 5000 100
  ipfs-mpi run -n 4 -x VERBOSE=1 ./prog.wasm input < data.txt
  ipfs-mpi run -n 4 prog.c                                  # compiles it first
  ipfs-mpi run -n 4 --cc "-O3 -ffast-math grid.c" heat.c    # with another source, and options
  ipfs-mpi run --check -n 2 prog.c                          # names calls that do not match
  ipfs-mpi run --ft -n 8 prog.c                             # goes on without ranks and nodes that fail
  ipfs-mpi run -d -n 8 pi                                   # prints the job's ID
  ipfs-mpi run -n 2 --json hello | jq -j 'select(.type == "stdout") | .text'`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completePrograms,
	}
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows PROGRAM is its own
	f.VarP(&o.ranks, "ranks", "n", "`NUMBER` of ranks")
	f.StringVar(&o.mapBy, "map-by", string(mpi.ByNode), "`HOW` ranks are placed: node gives each node one in turn, slot fills each node before the next")
	f.StringSliceVar(&o.peers, "peers", nil, "`PEERS` to run on, IDs or unique ends of IDs, the first for rank 0 (default: this node if it has room, and others of the pool)")
	f.StringArrayVarP(&o.env, "env", "x", nil, "`KEY=value` for the program's environment, or the KEY of a variable to pass on; may be repeated; the last of one KEY counts")
	f.Var(&o.timeout, "timeout", "end the job so long after its slots were found (default: never)")
	f.Var(&o.waitSlots, "wait-slots", "wait so long for enough slots, room for one rank each (default: fail at once)")
	f.Var(&o.grace, "grace", "wait so long for a node that says nothing, from 2s to 1h, before the job ends (default: 30s)")
	f.Var(&o.memory, "memory", "`SIZE` that the memory of a rank may have at most, such as 64MiB (default: Memory of each node; at most its MaxMemory)")
	f.BoolVar(&o.check, "check", false, "compare what the ranks call: datatypes of messages, order and arguments of collective operations; the first mismatch ends the job")
	f.BoolVar(&o.ft, "ft", false, "go on without ranks that fail, alone or with their node: calls of the others that need them return MPIX_ERR_PROC_FAILED")
	f.Var(&o.spares, "spares", "`NUMBER` of rank slots to keep on other nodes for ranks whose node is lost before they run (default 0)")
	f.BoolVar(&o.json, "json", false, "print what happens as JSON, one event a line")
	f.BoolVar(&o.tag, "tag-output", false, `begin each line of the ranks with "[rank] "`)
	f.StringVarP(&o.output, "output", "o", "", "write the files that ranks wrote into `DIR`")
	f.BoolVar(&o.force, "force", false, "replace files in DIR")
	f.StringVar(&o.stdin, "stdin", "-", "standard input of rank 0: `FROM` is - for this command's own, none, or a file")
	f.BoolVar(&o.deadlock, "allow-deadlock", false, "go on when all ranks wait for each other (default: the job ends, and says what each waits for)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress: nothing but the ranks' output and errors")
	f.BoolVarP(&o.detach, "detach", "d", false, "print the job's ID and leave; rank 0 has no standard input")
	f.StringArrayVar(&o.options, "cc", nil, "`OPTIONS` of the compiler, if PROGRAM is a source: split at spaces; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("map-by", cobra.FixedCompletions([]string{"node", "slot"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagDirname("output")
	var spec mpi.JobSpec
	cmd.PreRunE = func(cmd *cobra.Command, args []string) (err error) {
		if o.detach && (cmd.Flags().Changed("stdin") && o.stdin != "none" || o.output != "") {
			return usagef("--detach leaves before there is input to read or a file to write: leave out --stdin and --output, and fetch files later (ipfs-mpi files -o DIR JOB)")
		}
		spec, err = o.spec(args)
		return err
	}
	cmd.RunE = a.do(func(ctx context.Context, _ []string) error { return a.run(ctx, spec, o) })
	return cmd
}

// spec is what the command line asks for, but for Peers and a File that is a path.
func (o *runOptions) spec(args []string) (mpi.JobSpec, error) {
	spec := mpi.JobSpec{File: args[0], Ranks: int(o.ranks), Args: args[1:], MapBy: mpi.MapBy(o.mapBy),
		Timeout: time.Duration(o.timeout), WaitSlots: time.Duration(o.waitSlots), Grace: time.Duration(o.grace), Memory: int64(o.memory),
		AllowDeadlock: o.deadlock, CheckCalls: o.check, FT: o.ft, Spares: int(o.spares)}
	for _, v := range o.env {
		if !strings.Contains(v, "=") {
			value, ok := os.LookupEnv(v)
			if !ok {
				return spec, usagef("--env %s: there is no such variable to pass on: give %s=value", v, v)
			}
			v += "=" + value
		}
		spec.Env = append(spec.Env, v)
	}
	if _, _, source := cc.Source(spec.File); len(o.options) > 0 && !source {
		return spec, usagef("--cc has the compiler's options, and %s is no source in C or C++", spec.File)
	}
	checked := spec
	if isFile(spec.File) {
		checked.File = "file" // the path stays here, whatever bytes it has
	}
	if err := checked.Check(); err != nil {
		return spec, usagef("%w", err)
	}
	return spec, nil
}

func (a *app) run(ctx context.Context, spec mpi.JobSpec, o runOptions) error {
	if o.detach {
		o.stdin = "none"
	}
	in, closeIn, err := a.jobInput(o.stdin)
	if err != nil {
		return err
	}
	defer closeIn()
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if spec.Peers, err = namedPeers(ctx, c, o.peers); err != nil {
		return interrupted(ctx, err)
	}
	if err := a.addProgram(ctx, c, &spec, o.options); err != nil {
		return interrupted(ctx, err)
	}
	spec.Stdin, spec.Follow = in != nil, !o.detach
	// A pipe that is closed is an error of writing, not the end of this process: the job has to end
	// as well.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	defer signal.Stop(pipe)
	job, err := start(ctx, c, spec)
	if err != nil {
		return unknownProgram(ctx, c, err, spec.File)
	}
	if o.detach {
		return a.detached(job, o)
	}
	r := &runner{app: a, c: c, o: o, id: job.ID, in: in}
	r.screen = attach.NewScreen(attach.Options{Out: a.out, Err: a.errw, Wants: api.LogOptions{Rank: -1, Tag: o.tag},
		Alone: spec.Ranks == 1, JSON: o.json, Quiet: o.quiet})
	defer r.screen.Close()
	return r.attend(ctx, job)
}

// detached tells of a job that nobody attends to.
func (a *app) detached(job *mpi.Job, o runOptions) error {
	if o.json {
		return a.printLine(map[string]any{"type": "job", "job": job})
	}
	_, err := fmt.Fprintln(a.out, job.ID)
	if !o.quiet {
		fmt.Fprintf(a.errw, "To see what it writes: %s logs -f %s. To end it: %s kill %s\n", os.Args[0], job.ID, os.Args[0], job.ID)
	}
	return err
}

// start begins the job. It is not cut short by an interrupt: nobody would know what has begun.
func start(ctx context.Context, c *api.Client, spec mpi.JobSpec) (*mpi.Job, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	return c.StartJob(ctx, spec)
}

// jobInput is what rank 0 reads, nil for nothing. From a terminal it is read only in the
// foreground: in the background the terminal would stop this process.
func (a *app) jobInput(from string) (io.Reader, func(), error) {
	switch from {
	case "none":
		return nil, func() {}, nil
	case "-", "":
		if !terminal.Foreground(a.in) {
			return nil, func() {}, nil
		}
		return endingInput{a.in}, func() {}, nil
	}
	f, err := os.Open(from)
	if err != nil {
		return nil, nil, fmt.Errorf("--stdin: %w", err)
	}
	return f, func() { f.Close() }, nil
}

// runner is one job that "run" attends to.
type runner struct {
	*app
	c      *api.Client
	o      runOptions
	id     string
	in     io.Reader
	screen *attach.Screen
}

// attend follows a job that has begun to its end and makes an exit code of it. A signal cancels the
// job. Its events go on over the same connection: what is on its way there is kept nowhere else.
func (r *runner) attend(ctx context.Context, begun *mpi.Job) error {
	following, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	cancelled := make(chan error, 1)
	undo := context.AfterFunc(ctx, func() {
		var saying sync.WaitGroup // for as long as whoever reads the output does not
		saying.Go(func() { r.screen.Say("cancelling job %s everywhere; ctrl-C again leaves at once", r.id) })
		_, err := r.cancel(ctx)
		if err != nil {
			leave()
		}
		saying.Wait()
		cancelled <- err
	})
	job, err := r.follow(ctx, following, begun)
	if !undo() {
		return r.cancelled(ctx, <-cancelled, job, err)
	}
	var gone *attach.GoneError
	switch {
	case err == nil:
		return r.ended(ctx, job)
	case errors.As(err, &gone):
		return err
	case errors.Is(err, attach.ErrOutput):
		if _, cerr := r.cancel(ctx); cerr != nil {
			return fmt.Errorf("%w; job %s was not cancelled: %w", err, r.id, cerr)
		}
		return fmt.Errorf("%w: job %s was cancelled", err, r.id)
	}
	return err
}

// follow passes standard input on until ctx ends, and shows the job until following does.
func (r *runner) follow(ctx, following context.Context, begun *mpi.Job) (*mpi.Job, error) {
	if r.o.json {
		if err := r.printLine(map[string]any{"type": "job", "job": begun}); err != nil {
			return nil, fmt.Errorf("%w: %w", attach.ErrOutput, err)
		}
	}
	defer r.feed(ctx)()
	return (&attach.Follower{Client: r.c, ID: r.id, Screen: r.screen}).Follow(following)
}

// feed passes standard input on, until the job has no more use for it.
func (r *runner) feed(ctx context.Context) (stop func()) {
	if r.in == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := r.c.JobInput(ctx, r.id, r.in)
		if err == nil || ctx.Err() != nil {
			return
		}
		if job, jerr := r.c.Job(ctx, r.id); jerr == nil && !job.State.Ended() {
			r.screen.Say("standard input did not reach rank 0: %v", err)
		}
	})
	return func() { cancel(); wg.Wait() }
}

func (r *runner) cancel(ctx context.Context) (*mpi.Job, error) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer stop()
	return r.c.CancelJob(ctx, r.id)
}

// cancelled tells how a job ended that was cancelled because a signal came. failed is why it was
// not, err why it was not followed to its end.
func (r *runner) cancelled(ctx context.Context, failed error, job *mpi.Job, err error) error {
	switch {
	case failed != nil:
		return exitCode{signalCode(ctx), fmt.Errorf("job %s could not be cancelled: %w", r.id, explain(failed))}
	case err != nil:
		return exitCode{signalCode(ctx), err}
	case job.State != mpi.JobCancelled: // it was faster
		rest, stop := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
		defer stop()
		return r.ended(rest, job)
	}
	r.sayWaits(job)
	return exitCode{signalCode(ctx), fmt.Errorf("job %s was cancelled on all its nodes", r.id)}
}

// signalCode is the exit code of a command that a signal ended, as shells have it.
func signalCode(ctx context.Context) int {
	cause := context.Cause(ctx)
	for _, sig := range endSignals {
		if cause != nil && strings.HasPrefix(cause.Error(), sig.String()) {
			return 128 + int(sig.(syscall.Signal))
		}
	}
	return exitError
}

// interrupted says that a signal was why something failed, if it was.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return explain(err)
	}
	return exitCode{signalCode(ctx), errors.New("interrupted before the job began")}
}

// ended tells how a job ended, and fetches its files.
func (r *runner) ended(ctx context.Context, job *mpi.Job) error {
	err := r.files(ctx, job)
	switch {
	case err != nil && ctx.Err() != nil && job.State == mpi.JobDone:
		return exitCode{signalCode(ctx), fmt.Errorf("interrupted; the node keeps the files: %s files -o DIR %s", os.Args[0], job.ID)}
	case job.State == mpi.JobDone:
		return err
	}
	if err != nil {
		r.screen.Say("%v", err)
	}
	r.sayWaits(job)
	why := describeEnd(job)
	if job.Cause != nil && job.Cause.Reason == mpi.NoSlots && r.o.waitSlots == 0 {
		fewer := "run fewer ranks, or "
		if r.o.ranks == 1 {
			fewer = ""
		}
		why += "; " + fewer + "wait for slots with --wait-slots; a node has as many as its RankSlots setting"
	}
	return exitCode{jobExit(job), errors.New(why)}
}

// jobExit is the exit code of a job that did not end well, as a process can have it.
func jobExit(job *mpi.Job) int {
	if code := job.Exit & 0xff; code != 0 {
		return code
	}
	return exitError
}

func (r *runner) files(ctx context.Context, job *mpi.Job) error {
	if len(job.Files) == 0 {
		return nil
	}
	if r.o.output == "" {
		if !r.o.quiet && !r.o.json {
			r.screen.Say("The node keeps %s of job %s: %s. To get them: %s files -o DIR %s", plural(len(job.Files), "file"), job.ID, fileNames(job.Files), os.Args[0], job.ID)
		}
		return nil
	}
	err := attach.Files(ctx, r.c, job, r.o.output, r.o.force, func(f mpi.JobFile) {
		if !r.o.quiet && !r.o.json {
			r.screen.Say("wrote %s", fileLine(r.o.output, f))
		}
	})
	if err != nil {
		return fmt.Errorf("%w\nThe node keeps the files: %s files -o DIR %s", err, os.Args[0], job.ID)
	}
	return nil
}
