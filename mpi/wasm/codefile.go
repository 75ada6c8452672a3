package wasm

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/wasm/module"
)

// Code that goes from one process to another is the engine's image, which begins a file because the
// engine maps it, and then what has to be known of the module:
//
//	the image
//	the lines of its source, a table of module.Lines
//	moduleInfo in JSON, and its length as a big-endian uint32
//	SHA-256 of what names the host
//	SHA-256 of all before
//	the magic, 8 bytes
const (
	codeMagic   = "mpicode\x05"
	codeTrailer = 4 + sha256.Size + sha256.Size + len(codeMagic)
	maxInfo     = 16 << 20
)

// sharedInfo is [moduleInfo] in JSON.
type sharedInfo struct {
	Imports   []module.Import
	MPI       bool
	Memory    int64
	Table     string
	Guard     int64
	Functions int
	Lines     int // bytes
	Alone     bool
}

// appendInfo completes an image to code.
func appendInfo(image []byte, info *moduleInfo) ([]byte, error) {
	text, err := json.Marshal(sharedInfo{info.imports, info.mpi, info.memory, info.table, info.guard, info.functions, len(info.lines), info.alone})
	if err != nil {
		return nil, err
	}
	if len(text) > maxInfo {
		return nil, errors.New("what it imports has too many names")
	}
	host := sha256.Sum256([]byte(hostName()))
	code := append(append(image, info.lines...), text...)
	code = binary.BigEndian.AppendUint32(code, uint32(len(text)))
	code = append(code, host[:]...)
	sum := sha256.Sum256(code)
	return append(append(code, sum[:]...), codeMagic...), nil
}

// readInfo reads what follows the image in a file, and checks that all of the file is what
// appendInfo made on a host like this one. The imports are checked as those of a module are.
func readInfo(f *os.File) (id codeID, info moduleInfo, err error) {
	stat, err := f.Stat()
	if err != nil {
		return id, info, err
	}
	size := stat.Size() - int64(codeTrailer)
	if !stat.Mode().IsRegular() || size <= 0 {
		return id, info, errors.New("it is no compiled code")
	}
	trailer := make([]byte, codeTrailer)
	if _, err := f.ReadAt(trailer, size); err != nil {
		return id, info, err
	}
	const hostAt, sumAt, magicAt = 4, 4 + sha256.Size, 4 + 2*sha256.Size
	host := sha256.Sum256([]byte(hostName()))
	n := int64(binary.BigEndian.Uint32(trailer))
	switch {
	case string(trailer[magicAt:]) != codeMagic:
		return id, info, errors.New("it is of another kind")
	case string(trailer[hostAt:sumAt]) != string(host[:]):
		return id, info, errors.New("it is for another engine or processor")
	case n > size || n > maxInfo:
		return id, info, errors.New("it is cut off")
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size+int64(sumAt))); err != nil {
		return id, info, err
	}
	if sum.Sum(id[:0]); string(id[:]) != string(trailer[sumAt:magicAt]) {
		return id, info, errors.New("it is damaged: its hash is another")
	}
	text := make([]byte, n)
	if _, err := f.ReadAt(text, size-n); err != nil {
		return id, info, err
	}
	var shared sharedInfo
	if err := json.Unmarshal(text, &shared); err != nil {
		return id, info, err
	}
	lines := make([]byte, min(max(shared.Lines, 0), module.MaxLines, int(size-n)))
	if _, err := f.ReadAt(lines, size-n-int64(len(lines))); err != nil {
		return id, info, err
	}
	m := module.Module{Imports: shared.Imports}
	use := m.Use()
	if err := use.Err(); err != nil {
		return id, info, err
	}
	if mpi := len(use.MPI) > 0; mpi != shared.MPI || shared.Memory < 0 || shared.Guard < 0 || shared.Guard > module.MaxGuard {
		return id, info, fmt.Errorf("it says what its imports do not: MPI %t", shared.MPI)
	}
	return id, moduleInfo{
		imports: shared.Imports, mpi: shared.MPI, memory: shared.Memory, table: shared.Table,
		guard: shared.Guard, functions: shared.Functions, lines: lines, alone: shared.Alone,
	}, nil
}
