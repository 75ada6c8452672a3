package wasi

// Module is the name that programs import the functions from.
const Module = "wasi_snapshot_preview1"

// Func is one function of the interface.
type Func struct {
	Name string
	// Params has a letter for each parameter: i is an i32, I an i64.
	Params string
	// Errno reports whether the function returns one, as an i32; otherwise it returns nothing.
	Errno bool

	do func(h *Host, m memory, a *Args) Errno
}

// Functions are all of WASI preview 1, as in witx/wasi_snapshot_preview1.witx. The
// comment behind each names its parameters.
func Functions() []Func {
	return []Func{
		{"args_get", "ii", true, argsGet},                        // argv, argv_buf
		{"args_sizes_get", "ii", true, argsSizesGet},             // *count, *size
		{"clock_res_get", "ii", true, clockResGet},               // id, *timestamp
		{"clock_time_get", "iIi", true, clockTimeGet},            // id, precision, *timestamp
		{"environ_get", "ii", true, environGet},                  // environ, environ_buf
		{"environ_sizes_get", "ii", true, environSizesGet},       // *count, *size
		{"fd_advise", "iIIi", true, fdAdvise},                    // fd, offset, len, advice
		{"fd_allocate", "iII", true, fdAllocate},                 // fd, offset, len
		{"fd_close", "i", true, fdClose},                         // fd
		{"fd_datasync", "i", true, fdSync},                       // fd
		{"fd_fdstat_get", "ii", true, fdFdstatGet},               // fd, *fdstat
		{"fd_fdstat_set_flags", "ii", true, fdFdstatSetFlags},    // fd, flags
		{"fd_fdstat_set_rights", "iII", true, fdFdstatSetRights}, // fd, base, inheriting
		{"fd_filestat_get", "ii", true, fdFilestatGet},           // fd, *filestat
		{"fd_filestat_set_size", "iI", true, fdSetSize},          // fd, size
		{"fd_filestat_set_times", "iIIi", true, fdSetTimes},      // fd, atim, mtim, flags
		{"fd_pread", "iiiIi", true, fdPread},                     // fd, iovs, n, offset, *nread
		{"fd_prestat_dir_name", "iii", true, fdPrestatDirName},   // fd, path, len
		{"fd_prestat_get", "ii", true, fdPrestatGet},             // fd, *prestat
		// fd, iovs, n, offset, *nwritten
		{"fd_pwrite", "iiiIi", true, fdPwrite},
		{"fd_read", "iiii", true, fdRead},        // fd, iovs, n, *nread
		{"fd_readdir", "iiiIi", true, fdReaddir}, // fd, buf, len, cookie, *used
		{"fd_renumber", "ii", true, fdRenumber},  // from, to
		// fd, offset, whence, *newoffset
		{"fd_seek", "iIii", true, fdSeek},
		{"fd_sync", "i", true, fdSync},                              // fd
		{"fd_tell", "ii", true, fdTell},                             // fd, *offset
		{"fd_write", "iiii", true, fdWrite},                         // fd, iovs, n, *nwritten
		{"path_create_directory", "iii", true, pathCreateDirectory}, // fd, path, len
		// fd, lookup, path, len, *filestat
		{"path_filestat_get", "iiiii", true, pathFilestatGet},
		// fd, lookup, path, len, atim, mtim, flags
		{"path_filestat_set_times", "iiiiIIi", true, pathSetTimes},
		// fd, lookup, path, len, fd, path, len
		{"path_link", "iiiiiii", true, pathLink},
		// fd, lookup, path, len, oflags, base, inheriting, fdflags, *fd
		{"path_open", "iiiiiIIii", true, pathOpen},
		// fd, path, len, buf, len, *used
		{"path_readlink", "iiiiii", true, pathReadlink},
		{"path_remove_directory", "iii", true, pathRemoveDirectory}, // fd, path, len
		{"path_rename", "iiiiii", true, pathRename},                 // fd, path, len, fd, path, len
		{"path_symlink", "iiiii", true, pathSymlink},                // path, len, fd, path, len
		{"path_unlink_file", "iii", true, pathUnlinkFile},           // fd, path, len
		// subscriptions, events, n, *nevents
		{"poll_oneoff", "iiii", true, pollOneoff},
		{"proc_exit", "i", false, procExit},    // code
		{"proc_raise", "i", true, procRaise},   // signal
		{"random_get", "ii", true, randomGet},  // buf, len
		{"sched_yield", "", true, schedYield},  //
		{"sock_accept", "iii", true, noSocket}, // fd, flags, *fd
		// fd, iovs, n, flags, *nread, *flags
		{"sock_recv", "iiiiii", true, noSocket},
		// fd, iovs, n, flags, *nwritten
		{"sock_send", "iiiii", true, noSocket},
		{"sock_shutdown", "ii", true, noSocket}, // fd, how
	}
}
