package cc

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// What [Line.Flags] asks for. The options are those of the wrappers of Open MPI and MPICH.
const (
	showAll      = "all"     // the compiler and all flags
	showCommand  = "command" // the compiler
	showCompile  = "compile" // flags to compile
	showLink     = "link"    // flags to link
	showIncludes = "incdirs" // directories of headers
	showLibDirs  = "libdirs" // directories of libraries
	showLibs     = "libs"    // names of libraries
	showVersion  = "version" // what this is
)

var shown = map[string][]string{
	showCommand:  strings.Fields("-showme:command --showme:command"),
	showCompile:  strings.Fields("-showme:compile --showme:compile -compile_info -compile-info --compile-info"),
	showLink:     strings.Fields("-showme:link --showme:link -link_info -link-info --link-info"),
	showIncludes: strings.Fields("-showme:incdirs --showme:incdirs"),
	showLibDirs:  strings.Fields("-showme:libdirs --showme:libdirs"),
	showLibs:     strings.Fields("-showme:libs --showme:libs"),
	showVersion:  strings.Fields("-showme:version --showme:version"),
}

// shows is what an option asks for; empty if it asks for nothing of the kind.
func shows(option string) string {
	for what, options := range shown {
		if slices.Contains(options, option) {
			return what
		}
	}
	return ""
}

// Flags is the text for a line that asks for flags: for another clang to compile or to link, say.
func (t *Toolchain) Flags(l Line, kit Kit) string {
	lang := "c"
	if l.CXX {
		lang = "c++"
	}
	compile := append(t.compileFlags(kit.Headers, lang), errorFlags...)
	libraries := append(t.libraries(l.CXX), "-l"+library)
	link := slices.Concat([]string{t.target()}, linkFlags, programFlags, kit.linkFlags(l.guard()),
		[]string{"-L" + t.Lib, t.crt1()}, libraries)
	switch l.Flags {
	case showCommand:
		return quoted([]string{t.Clang})
	case showCompile:
		return quoted(compile)
	case showLink:
		return quoted(link)
	case showIncludes:
		return quoted(t.includes(kit.Headers, lang))
	case showLibDirs:
		return quoted([]string{kit.Objects, t.Lib})
	case showLibs:
		var names []string
		for _, l := range libraries {
			if name, ok := strings.CutPrefix(l, "-l"); ok {
				names = append(names, name)
			}
		}
		return quoted(names)
	case showVersion:
		return fmt.Sprintf("ipfs-mpi cc: the MPI 5.0 ABI for WebAssembly, with %s", t.Version)
	}
	return quoted(slices.Concat([]string{t.Clang}, compile, link[1:]))
}

// includes are the directories of headers.
func (t *Toolchain) includes(headers, lang string) (dirs []string) {
	if isCXX(lang) {
		dirs = append(dirs, t.CXX)
	}
	return append(dirs, filepath.Join(headers, "posix"), t.Include, filepath.Join(headers, "mpi"), filepath.Join(headers, "c"))
}
