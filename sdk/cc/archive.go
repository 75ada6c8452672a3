package cc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Archives are those of ar, in the format of System V and GNU: a line that says so, and members of
// a header of 60 bytes and their content. The first member may be an index of symbols, by which the
// linker finds members. GNU ar and ranlib know no objects for WebAssembly, and make an empty index
// or none, with which the linker refuses the archive: see [index].
const (
	archiveMagic = "!<arch>\n"
	thinMagic    = "!<thin>\n" // its members are in files of their own
	headerSize   = 60
	bsdIndex     = "__.SYMDEF"
	maxArchive   = 1 << 30 // bytes of an archive that is read
)

// hasSymbols reports whether an index has any: it begins with their number, or the bytes that they
// take.
func hasSymbols(index []byte) bool { return len(index) >= 4 && binary.BigEndian.Uint32(index) > 0 }

type member struct {
	name string
	data []byte
}

// index returns an archive with an index of its symbols; nil if it has one, or is not one of
// objects for WebAssembly.
func index(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	magic := make([]byte, len(archiveMagic))
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != archiveMagic && string(magic) != thinMagic {
		return nil, nil
	}
	if st, err := f.Stat(); err != nil || st.Size() > maxArchive {
		return nil, err
	}
	rest, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	members, indexed, err := readArchive(rest, string(magic) == thinMagic, filepath.Dir(name))
	if err != nil || indexed {
		return nil, err
	}
	return writeArchive(members)
}

// readArchive reads the members behind the first line. indexed says that there is an index with
// symbols.
func readArchive(rest []byte, thin bool, dir string) (list []member, indexed bool, err error) {
	var long []byte // names that are too long for a header
	for len(rest) >= headerSize {
		header := rest[:headerSize]
		rest = rest[headerSize:]
		name := strings.TrimRight(string(header[:16]), " ")
		size, err := strconv.ParseUint(strings.TrimSpace(string(header[48:58])), 10, 40)
		if err != nil || string(header[58:]) != "`\n" {
			return nil, false, errors.New("the archive is damaged")
		}
		special := name == "/" || name == "//" || name == "/SYM64/" || strings.HasPrefix(name, bsdIndex)
		var data []byte
		if !thin || special {
			if size > uint64(len(rest)) {
				return nil, false, errors.New("the archive is cut off")
			}
			data = rest[:size]
			rest = rest[min(size+size%2, uint64(len(rest))):]
		}
		switch {
		case name == "//":
			long = data
			continue
		case special:
			indexed = indexed || hasSymbols(data)
			continue
		case strings.HasPrefix(name, "#1/"): // BSD: the name is before the content
			n, err := strconv.Atoi(name[3:])
			if err != nil || n < 0 || n > len(data) {
				return nil, false, errors.New("the archive is damaged")
			}
			name, data = strings.TrimRight(string(data[:n]), "\x00"), data[n:]
			if strings.HasPrefix(name, bsdIndex) {
				indexed = indexed || hasSymbols(data)
				continue
			}
		case strings.HasPrefix(name, "/"):
			at, err := strconv.Atoi(name[1:])
			if err != nil || at < 0 || at >= len(long) {
				return nil, false, errors.New("the archive is damaged")
			}
			name, _, _ = strings.Cut(string(long[at:]), "\n")
		}
		name = strings.TrimSuffix(name, "/")
		if thin {
			if !filepath.IsAbs(name) {
				name = filepath.Join(dir, name)
			}
			if data, err = os.ReadFile(name); err != nil {
				return nil, false, err
			}
		}
		list = append(list, member{filepath.Base(name), data})
	}
	return list, indexed, nil
}

// writeArchive makes an archive with an index; nil if a member is bitcode, whose symbols only the
// linker can read.
func writeArchive(members []member) ([]byte, error) {
	var names, long bytes.Buffer
	var owners []int // of each name
	for i, m := range members {
		list, err := symbols(m.data)
		switch {
		case bytes.HasPrefix(m.data, []byte("BC\xc0\xde")):
			return nil, nil
		case errors.Is(err, errNoObject):
			return nil, fmt.Errorf("%s in it is %w: compile it with ipfs-mpi cc", m.name, err)
		case err != nil:
			return nil, fmt.Errorf("%s in it: %w", m.name, err)
		}
		for _, s := range list {
			if s.defined && !s.local {
				names.WriteString(s.name + "\x00")
				owners = append(owners, i)
			}
		}
	}
	headers := make([]string, len(members))
	for i, m := range members {
		headers[i] = m.name + "/"
		if len(headers[i]) > 16 {
			headers[i] = fmt.Sprintf("/%d", long.Len())
			long.WriteString(m.name + "/\n")
		}
	}
	even := func(n int) int { return n + n%2 }
	indexSize := 4 + 4*len(owners) + names.Len()
	at := len(archiveMagic) + headerSize + even(indexSize)
	if long.Len() > 0 {
		at += headerSize + even(long.Len())
	}
	offsets := make([]int, len(members))
	for i, m := range members {
		offsets[i] = at
		at += headerSize + even(len(m.data))
	}
	out := bytes.NewBuffer(make([]byte, 0, at))
	put := func(name string, data []byte) {
		fmt.Fprintf(out, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", name, 0, 0, 0, 0o644, len(data))
		out.Write(data)
		if len(data)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	out.WriteString(archiveMagic)
	table := binary.BigEndian.AppendUint32(nil, uint32(len(owners)))
	for _, i := range owners {
		table = binary.BigEndian.AppendUint32(table, uint32(offsets[i]))
	}
	put("/", append(table, names.Bytes()...))
	if long.Len() > 0 {
		put("//", long.Bytes())
	}
	for i, m := range members {
		put(headers[i], m.data)
	}
	return out.Bytes(), nil
}

// indexArchives replaces the archives of a line that have no index by copies in temp that do: files
// that it names, and those that -l finds in directories of -L.
func (l *Line) indexArchives(temp string) error {
	var dirs []string
	for _, a := range l.args {
		if dir, ok := strings.CutPrefix(strings.Join(a.words, ""), "-L"); ok && a.kind == option {
			dirs = append(dirs, dir)
		}
	}
	for i, a := range l.args {
		whole := strings.Join(a.words, "")
		name := whole
		switch lib, isLib := strings.CutPrefix(whole, "-l"); {
		case a.kind == input && filepath.Ext(name) == ".a":
		case a.kind == option && isLib:
			if name = findLibrary(lib, dirs); name == "" {
				continue
			}
		default:
			continue
		}
		indexed, err := index(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: %w", name, err)
		}
		if indexed == nil {
			continue
		}
		copied := filepath.Join(temp, fmt.Sprintf("%d-%s", i, filepath.Base(name)))
		if err := os.WriteFile(copied, indexed, 0o600); err != nil {
			return err
		}
		l.args[i].words = []string{copied}
	}
	return nil
}

// findLibrary is the archive that -l names, in the directories of -L.
func findLibrary(lib string, dirs []string) string {
	name := "lib" + lib + ".a"
	if exact, ok := strings.CutPrefix(lib, ":"); ok {
		name = exact
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, name); exists(path) {
			return path
		}
	}
	return ""
}
