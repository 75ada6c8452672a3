//go:build !nokubo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ipfs/kubo/repo/fsrepo"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/pluginfile"
)

// complete fills in what the user left open.
func (o *installOptions) complete() (err error) {
	if o.ipfs == "" {
		if o.ipfs, err = exec.LookPath("ipfs"); err != nil {
			return errors.New("there is no ipfs in $PATH: name it with --ipfs FILE")
		}
	}
	if o.so == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		o.so = filepath.Join(filepath.Dir(self), "mpi.so")
		if _, err := os.Stat(o.so); err != nil {
			return fmt.Errorf("there is no %s: build it (make build) or name it with --so FILE", o.so)
		}
	}
	if o.repo == "" {
		o.repo, err = fsrepo.BestKnownPath()
	}
	return err
}

func (a *app) install(ctx context.Context, o installOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	host, err := pluginfile.Read(o.ipfs)
	if err != nil {
		return fmt.Errorf("%w (if it is a script that runs ipfs, name the executable itself)", err)
	}
	if !host.IsKubo() {
		return fmt.Errorf("%s is not a Kubo: it is %s", o.ipfs, host.Info.Path)
	}
	so, err := pluginfile.Read(o.so)
	if err != nil {
		return err
	}
	if !so.IsPlugin() {
		return fmt.Errorf("%s is not the mpi plugin: it is %s", o.so, so.Info.Path)
	}
	if err := checkOthers(o.repo); err != nil {
		return err
	}
	diffs := pluginfile.Compare(host, so)
	if err := pluginfile.Try(ctx, host, so); err != nil {
		return refusal(host, so, diffs, err)
	}
	path, err := pluginfile.Copy(so, o.repo)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s loads it: installed as %s\n", o.ipfs, path)
	a.nextSteps(o.repo)
	return nil
}

// checkOthers refuses to add the plugin to a repository that has it under another name.
func checkOthers(repo string) error {
	found, err := pluginfile.Installed(repo)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Path != pluginfile.Target(repo) {
			return fmt.Errorf("%s is the mpi plugin too, and Kubo refuses two: remove it first (rm '%s')", f.Path, f.Path)
		}
	}
	return nil
}

func refusal(host, so pluginfile.File, diffs []pluginfile.Difference, load error) error {
	if len(diffs) == 0 {
		return fmt.Errorf("%s does not load %s, though the builds look alike; it says:\n%w", host.Path, so.Path, load)
	}
	return fmt.Errorf(`%s does not load %s; nothing is installed. They differ in:
%s
Build the plugin as that ipfs was built, or use what needs no match: the plugin built in (ipfs-mpi daemon), or the sidecar beside
the daemon you have (ipfs-mpi sidecar)`,
		host.Path, so.Path, pluginfile.Describe(diffs))
}

func (a *app) nextSteps(repo string) {
	if !fsrepo.IsInitialized(repo) {
		fmt.Fprintf(a.out, "Next: IPFS_PATH='%s' ipfs init\n", repo)
		return
	}
	if running, err := fsrepo.LockedByOtherProcess(repo); err == nil && running {
		fmt.Fprintf(a.out, "A daemon runs on %s: restart it to load the plugin.\n", repo)
	}
	fmt.Fprintf(a.out, `Next: ipfs config Plugins.Plugins.mpi.Config.Store /ipfs/CID
      ipfs daemon
`)
}
