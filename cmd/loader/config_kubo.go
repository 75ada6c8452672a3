//go:build !nokubo

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/ipfs/kubo/repo/fsrepo"
	"github.com/spf13/cobra"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/near"
	"github.com/ipfs-mpi/ipfs-mpi/plugin"
)

// place is where the settings are in Kubo's configuration.
const place = "Plugins.Plugins.mpi.Config"

// settings are those in a repository.
type settings struct {
	repo   string
	values map[string]any
	old    bool // at Plugins.mpi, where older versions of Kubo let them be written
}

// readSettings reads the settings of the repository at $IPFS_PATH.
func readSettings() (s settings, err error) {
	if s.repo, err = fsrepo.BestKnownPath(); err != nil {
		return s, err
	}
	file := filepath.Join(s.repo, "config")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("there is no repository at %s: make one with ipfs-mpi ipfs init, or name one with IPFS_PATH", s.repo)
	}
	if err != nil {
		return s, err
	}
	var doc struct {
		Plugins struct {
			Plugins struct {
				MPI struct{ Config any } `json:"mpi"`
			}
			MPI any `json:"mpi"`
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	found := doc.Plugins.Plugins.MPI.Config
	if found == nil && doc.Plugins.MPI != nil {
		found, s.old = doc.Plugins.MPI, true
	}
	if found == nil {
		found = map[string]any{}
	}
	var ok bool
	if s.values, ok = found.(map[string]any); !ok {
		_, err := plugin.ParseConfig(found) // says what it must be
		return s, err
	}
	return s, nil
}

func (a *app) configGet(args []string, asJSON bool) error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	defaults := plugin.Defaults()
	value := func(key string) (any, bool) {
		if v, ok := s.values[key]; ok {
			return v, true
		}
		return defaults[key], false
	}
	if len(args) == 1 {
		if err := knownKey(args[0], s.values); err != nil {
			return err
		}
		v, _ := value(args[0])
		if asJSON {
			return a.printJSON(v)
		}
		fmt.Fprintln(a.out, clean(asText(v), false))
		return nil
	}
	keys := slices.Concat(plugin.Keys(), slices.Collect(maps.Keys(s.values)))
	slices.Sort(keys)
	rows, all := [][]string{{"KEY", "FROM", "VALUE"}}, map[string]any{}
	for _, key := range slices.Compact(keys) {
		v, set := value(key)
		from := "default"
		if set {
			from = "set"
		}
		if key == "Token" && v != "" {
			v = "(secret)"
		}
		all[key] = map[string]any{"value": v, "set": set}
		rows = append(rows, []string{key, from, asText(v)})
	}
	if asJSON {
		return a.printJSON(all)
	}
	return a.table(rows)
}

// asText is a setting as "config set" takes it.
func asText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// knownKey is an error for what is no setting's name; one that is set may be any.
func knownKey(key string, values map[string]any) error {
	if _, set := values[key]; set || slices.Contains(plugin.Keys(), key) {
		return nil
	}
	err := fmt.Errorf("there is no setting %q", key)
	if like := near.Of(key, plugin.Keys(), 1); len(like) > 0 {
		return usagef("%w; did you mean %s?", err, like[0])
	}
	return usagef("%w; ipfs-mpi config get lists all", err)
}

func (a *app) configSet(ctx context.Context, args []string) error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	var keys []string
	for i := 0; i < len(args); i += 2 {
		if err := knownKey(args[i], nil); err != nil {
			return err
		}
		value, err := given(a.in, args[i+1])
		if err != nil {
			return err
		}
		s.values[args[i]] = valueOf(args[i], value)
		keys = append(keys, args[i])
	}
	return a.change(ctx, s, keys)
}

// valueOf reads a value: as JSON, if that is what the setting takes, else as text.
func valueOf(key, text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) == nil {
		if _, err := plugin.ParseConfig(map[string]any{key: v}); err == nil {
			return v
		}
		if _, err := plugin.ParseConfig(map[string]any{key: text}); err != nil {
			return v // neither is right: tell of the value that was meant
		}
	}
	return text
}

func (a *app) configUnset(ctx context.Context, args []string) error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	for _, key := range args {
		if err := knownKey(key, s.values); err != nil {
			return err
		}
		delete(s.values, key)
	}
	return a.change(ctx, s, nil, args...)
}

// change writes these keys, or the whole object where one is to be removed, if all settings are
// right then. Kubo's own command writes: through the daemon, if one runs.
func (a *app) change(ctx context.Context, s settings, keys []string, removed ...string) error {
	if s.old {
		return fmt.Errorf("the settings are at Plugins.mpi of %s, where older versions of Kubo let them be written: move them to %s first (ipfs-mpi ipfs config edit)",
			filepath.Join(s.repo, "config"), place)
	}
	if _, err := plugin.ParseConfig(s.values); err != nil {
		return fmt.Errorf("nothing was changed:\n%w", err)
	}
	if keys == nil {
		if err := a.kuboConfig(ctx, place, s.values); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if err := a.kuboConfig(ctx, place+"."+key, s.values[key]); err != nil {
			return err
		}
	}
	if running, err := fsrepo.LockedByOtherProcess(s.repo); err == nil && running {
		for _, key := range slices.Concat(keys, removed) {
			if !slices.Contains(plugin.Live, key) {
				fmt.Fprintln(a.errw, "Restart the daemon to take the change.")
				return nil
			}
		}
		fmt.Fprintln(a.errw, "The daemon takes the change within two seconds.")
	}
	return nil
}

// kuboConfig sets one key of Kubo's configuration.
func (a *app) kuboConfig(ctx context.Context, key string, value any) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if out, err := writeCommand(ctx, exe, key, text).CombinedOutput(); err != nil {
		return fmt.Errorf("ipfs config %s: %w: %s", key, err, out)
	}
	return nil
}

// writeCommand runs configWrite.
func writeCommand(ctx context.Context, exe, key string, value []byte) *exec.Cmd {
	cmd := exec.CommandContext(ctx, exe, "config", configWrite, key)
	cmd.Stdin = bytes.NewReader(value)
	return cmd
}

func (a *app) configCheck(context.Context, []string) error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	cfg, err := plugin.ParseConfig(s.values)
	if err != nil {
		return err
	}
	for _, note := range cfg.Notes {
		fmt.Fprintln(a.errw, note)
	}
	_, err = fmt.Fprintf(a.out, "the %d settings in %s are right\n", len(s.values), filepath.Join(s.repo, "config"))
	return err
}

func completeKeys(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return plugin.Keys(), cobra.ShellCompDirectiveNoFileComp
}
