//go:build !nokubo

package main

import (
	"context"
	"fmt"
	"os"

	cmds "github.com/ipfs/go-ipfs-cmds"
	"github.com/ipfs/kubo/cmd/ipfs/kubo"
	kubocmds "github.com/ipfs/kubo/core/commands"
	"github.com/ipfs/kubo/plugin/loader"
	"github.com/ipfs/kubo/repo/fsrepo"
	"github.com/spf13/cobra"

	"github.com/ipfs-mpi/ipfs-mpi/cmd/loader/internal/pluginfile"
	"github.com/ipfs-mpi/ipfs-mpi/plugin"
)

// kubo runs Kubo's command line, which reads os.Args, and the process's own standard files, and
// handles signals.
func (a *app) kubo(line func(args []string) []string) func(*cobra.Command, []string) error {
	return func(_ *cobra.Command, args []string) error {
		a.began = true
		stop, err := watchLifeline()
		if err != nil {
			return err
		}
		defer stop()
		os.Args = append([]string{"ipfs"}, line(args)...)
		if code := kubo.Start(buildEnv); code != 0 {
			return exitCode{code: code} // Kubo has told why
		}
		return nil
	}
}

// buildEnv is Kubo's own, with the plugin preloaded. It is not preloaded if Kubo is going to load
// an installed one: Kubo refuses two plugins with one name.
func buildEnv(ctx context.Context, req *cmds.Request) (cmds.Environment, error) {
	if err := refuse(req); err != nil {
		return nil, err
	}
	repo, err := repoOf(req)
	if err != nil {
		return nil, err
	}
	installed, err := usableInstalled(repo)
	if err != nil {
		return nil, err
	}
	preload := func(l *loader.PluginLoader) error {
		for _, p := range plugin.Plugins {
			if err := l.Load(p); err != nil {
				return err
			}
		}
		return nil
	}
	if installed != "" {
		if len(req.Path) == 1 && req.Path[0] == "daemon" {
			fmt.Fprintf(os.Stderr, "ipfs-mpi: using the installed plugin %s instead of the built-in one\n", installed)
		}
		preload = nil
	}
	env, err := kubo.BuildEnv(preload)(ctx, req)
	if err != nil && installed != "" {
		// Builds of the same versions can have different sources. The files do not record that.
		err = fmt.Errorf("%w\nWhat to do, if that is about %s: %s", err, installed, howToMend(installed))
	}
	return env, err
}

// howToMend says what to do about an installed plugin that does not load.
func howToMend(path string) string {
	return fmt.Sprintf(`the plugin is built in here, so the file is not needed: remove it (rm '%s'),
or run the ipfs that it was built for, or install the one of this build (ipfs-mpi install)`, path)
}

// refuse rejects Kubo's commands that would replace this executable with another.
func refuse(req *cmds.Request) error {
	if len(req.Path) == 2 && req.Path[0] == "update" && (req.Path[1] == "install" || req.Path[1] == "revert") {
		return fmt.Errorf("ipfs update %s would replace ipfs-mpi with an ipfs that has no mpi plugin: install another ipfs-mpi instead", req.Path[1])
	}
	return nil
}

// usableInstalled finds an mpi plugin that Kubo is going to load from the repository. It is an
// error if there is one that cannot load into this build, or more than one.
func usableInstalled(repo string) (path string, err error) {
	found, err := pluginfile.Installed(repo)
	if err != nil || len(found) == 0 {
		return "", err
	}
	if len(found) > 1 {
		return "", fmt.Errorf("the mpi plugin is installed twice, as %s and %s, and Kubo refuses that: remove one",
			found[0].Path, found[1].Path)
	}
	self, err := pluginfile.Self()
	if err != nil {
		return "", err
	}
	if diffs := pluginfile.Compare(self, found[0]); len(diffs) > 0 {
		return "", fmt.Errorf("%s is an mpi plugin of another build, which this ipfs-mpi cannot load:\n%s\nWhat to do: %s",
			found[0].Path, pluginfile.Describe(diffs), howToMend(found[0].Path))
	}
	return found[0].Path, nil
}

// repoOf is the repository of a Kubo request, as Kubo itself finds it (cmd/ipfs/kubo/start.go).
func repoOf(req *cmds.Request) (string, error) {
	if dir, _ := req.Options[kubocmds.RepoDirOption].(string); dir != "" {
		return dir, nil
	}
	return fsrepo.BestKnownPath()
}

// completeKubo offers the names of Kubo's commands.
func completeKubo(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	at := kubo.Root
	for _, arg := range args {
		if at = at.Subcommands[arg]; at == nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
	}
	if len(at.Subcommands) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	for name, sub := range at.Subcommands {
		names = append(names, name+"\t"+sub.Helptext.Tagline)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
