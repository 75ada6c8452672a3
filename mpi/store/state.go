package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/atomicfile"
)

const maxStateFile = 16 << 20

// state survives restarts, as JSON in Config.StateFile. The reconciler owns it.
type state struct {
	Format int `json:"format"` // always 1
	// Path and Root are the store that was served last, for a start without network.
	Path string              `json:"path,omitempty"`
	Root mpi.CID             `json:"root,omitempty"`
	Pins map[mpi.CID]*record `json:"pins"`
}

// record is one of our pins, made or about to be made.
type record struct {
	// name/version that it was first served as, for people; or addedName
	Name string `json:"name"`
	Size int64  `json:"size"` // size of its blocks in bytes
	// when it was last served or used; zero while it is served
	Unused time.Time `json:"unused,omitzero"`
}

const stateFormat = 1

// loadState reads the state file. It always returns a usable state. With an error the file was
// not usable, and has been set aside.
func loadState(name string) (st state, err error) {
	fresh := state{Format: stateFormat, Pins: make(map[mpi.CID]*record)}
	if name == "" {
		return fresh, nil
	}
	err = atomicfile.Load(name, maxStateFile, func(data []byte) (err error) {
		st, err = parseState(data)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fresh, nil
	case err != nil:
		return fresh, fmt.Errorf("store: %w", err)
	}
	return st, nil
}

func parseState(data []byte) (state, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return state{}, err
	}
	if head.Format != stateFormat {
		return state{}, fmt.Errorf("format %d is unknown: this version reads %d", head.Format, stateFormat)
	}
	var st state
	if err := json.Unmarshal(data, &st); err != nil {
		return state{}, err
	}
	pins := make(map[mpi.CID]*record, len(st.Pins))
	for text, r := range st.Pins {
		c, err := parseCID(string(text))
		if err != nil {
			return state{}, err
		}
		if r == nil || r.Size < 0 {
			return state{}, fmt.Errorf("the entry for %s is broken", text)
		}
		pins[canonical(c)] = r
	}
	st.Pins = pins
	return st, nil
}

// save replaces the file atomically.
func (st state) save(name string) error {
	if name == "" {
		return nil
	}
	data, err := json.MarshalIndent(st, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if err := atomicfile.Write(name, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("store: writing state file %s: %w", name, err)
	}
	return nil
}
