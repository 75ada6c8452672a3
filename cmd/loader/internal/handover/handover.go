// Package handover makes commands that need no Kubo start fast. Kubo's packages take 30 to 200 ms
// to initialise, and Go initialises every package that is linked before main runs.
//
// make build builds the command line twice: once without Kubo (build tag nokubo), and once whole,
// with the first inside (build tag onefile, which compiles this package's code). The init function
// of this package replaces the process by the first when the command needs no Kubo. It runs before
// Kubo's packages are initialised because the order is the language's: of the packages whose
// imports are all initialised, the first by import path is next. This one imports nothing but
// embed, runtime, syscall and unsafe, so it is next as soon as those are done, and few packages do
// without them. It therefore may import nothing else; a test of the project's imports holds that.
//
// Where the kernel starts no program from memory, and in every build without the tag, the process
// goes on as it is: slower to start, otherwise the same.
package handover

// NeedsKubo reports whether a command line, without the program's name, is one of the whole
// executable: Kubo's own commands, and those that start nodes or read what was built in.
func NeedsKubo(args []string) bool {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--api": // its value follows
			i++
		case len(arg) > 6 && arg[:6] == "--api=":
		case arg == "__complete" || arg == "__completeNoDesc":
			// What it completes follows.
		case len(arg) > 1 && arg[0] == '-':
			return isSidecarFlag(arg)
		default:
			return isOf(kuboCommands[:], arg)
		}
	}
	return false
}

// Wrapper is the command that an executable of this name stands for, as the wrappers of compilers
// of other MPIs are named: "cc" or "c++"; empty for any other name.
func Wrapper(executable string) string {
	base := executable
	for i := len(base) - 1; i >= 0; i-- {
		if base[i] == '/' {
			base = base[i+1:]
			break
		}
	}
	switch base {
	case "mpicc":
		return "cc"
	case "mpicxx", "mpic++", "mpiCC":
		return "c++"
	}
	return ""
}

// kuboCommands are the commands of the whole executable.
var kuboCommands = [...]string{"cluster", "config", "daemon", "install", "ipfs", "sidecar"}

// sidecarFlags open the seed's own command line, which has no command word.
var sidecarFlags = [...]string{"ipfs-api", "ipfs-store", "listen"}

// IsSidecarLine reports whether a command line begins with one of the sidecar's own flags.
func IsSidecarLine(args []string) bool { return len(args) > 0 && isSidecarFlag(args[0]) }

func isSidecarFlag(arg string) bool {
	if len(arg) < 2 || arg[0] != '-' {
		return false
	}
	name := arg[1:]
	if name[0] == '-' {
		name = name[1:]
	}
	for i := range len(name) {
		if name[i] == '=' {
			name = name[:i]
			break
		}
	}
	return isOf(sidecarFlags[:], name)
}

func isOf(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
