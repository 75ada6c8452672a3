package wasi

import (
	"encoding/binary"
	"io/fs"
)

// maxFiles bounds the table of descriptors of one program.
const maxFiles = 256

type kind uint8

const (
	stdinFile kind = iota
	stdoutFile
	stderrFile
	regularFile
	dirFile
)

// file is an open descriptor.
type file struct {
	kind    kind
	name    string  // within Config.Files
	preopen string  // as which the program knows it from its start; else empty
	open    fs.File // nil for standard streams, and directories until they are read
	flags   uint16
	node    *node   // open for writing
	noRead  bool    // open for writing only
	pos     int64   // the program's offset in a regular file
	at      int64   // open's own offset, where it cannot read anywhere
	list    listing // of a directory, once it was read
	listed  bool
}

// file is the open file of that number, or nil.
func (h *Host) file(fd uint64) *file {
	if fd >= uint64(len(h.files)) {
		return nil
	}
	return h.files[fd]
}

// add gives f the lowest free number.
func (h *Host) add(f *file) (int, Errno) {
	for i, g := range h.files {
		if g == nil {
			h.files[i] = f
			return i, Success
		}
	}
	if len(h.files) >= maxFiles {
		return 0, EMFILE
	}
	h.files = append(h.files, f)
	return len(h.files) - 1, Success
}

// drop closes a file and frees its number.
func (h *Host) drop(fd uint64) Errno {
	f := h.files[fd]
	h.files[fd] = nil
	h.unlist(f)
	if f.open == nil {
		return Success
	}
	h.enterFiles()
	f.open.Close() // of a file that was only read: nothing can be lost
	if !h.leaveFiles() {
		return Stop
	}
	return Success
}

func fdClose(h *Host, _ memory, a *Args) Errno {
	if h.file(a[0]) == nil {
		return EBADF
	}
	return h.drop(a[0])
}

// fdRenumber moves a descriptor to the number of another, which is closed.
func fdRenumber(h *Host, _ memory, a *Args) Errno {
	from, to := h.file(a[0]), h.file(a[1])
	switch {
	case from == nil || to == nil:
		return EBADF
	case a[0] == a[1]:
		return Success
	}
	e := h.drop(a[1])
	if e == Success {
		h.files[a[0]], h.files[a[1]] = nil, from
	}
	return e
}

// fdPrestatGet tells what a preopened directory's name takes.
//
//	prestat: |tag u8 = 0 (directory)|···|name_len u32|   8 bytes
func fdPrestatGet(h *Host, m memory, a *Args) Errno {
	f := h.file(a[0])
	if f == nil || f.preopen == "" {
		return EBADF
	}
	b, ok := m.at(a[1], 8)
	if !ok {
		return EFAULT
	}
	binary.LittleEndian.PutUint64(b, uint64(len(f.preopen))<<32)
	return Success
}

func fdPrestatDirName(h *Host, m memory, a *Args) Errno {
	f := h.file(a[0])
	if f == nil || f.preopen == "" {
		return EBADF
	}
	b, ok := m.at(a[1], a[2])
	if !ok {
		return EFAULT
	}
	if len(b) < len(f.preopen) {
		return ENAMETOOLONG
	}
	copy(b, f.preopen)
	return Success
}

// Rights, as far as anything here depends on them.
const (
	rightRead     = 1 << 1
	rightSeek     = 1 << 2
	rightSetFlags = 1 << 3
	rightTell     = 1 << 5
	rightWrite    = 1 << 6
	rightAdvise   = 1 << 7
	rightFilestat = 1 << 21
	rightPoll     = 1 << 27
	rightsOfFile  = rightRead | rightSeek | rightSetFlags | rightTell | rightAdvise | rightFilestat | rightPoll
	// and fd_datasync, _sync, _allocate, _filestat_set_size, _times
	rightsToWrite = rightWrite | 1<<0 | 1<<4 | 1<<8 | 1<<22 | 1<<23
	// every path_*, fd_readdir
	rightsOfDir      = 0x7_fe00 | 0x0700_0000 | rightSetFlags | rightFilestat
	rightsInheriting = 1<<30 - 1
)

// fdFdstatGet tells what a descriptor is. A directory claims the rights to change things,
// and to hand on all rights: libcs pass a call on only then, and a program should learn
// from us that the file system is read-only.
//
//	fdstat: |filetype u8|·|flags u16|····|rights_base u64|rights_inheriting u64|   24 bytes
func fdFdstatGet(h *Host, m memory, a *Args) Errno {
	f := h.file(a[0])
	if f == nil {
		return EBADF
	}
	b, ok := m.at(a[1], 24)
	if !ok {
		return EFAULT
	}
	clear(b)
	var rights, inheriting uint64
	switch f.kind {
	case stdinFile:
		rights = rightRead | rightSetFlags | rightFilestat | rightPoll
	case stdoutFile, stderrFile:
		rights = rightWrite | rightSetFlags | rightFilestat | rightPoll
	case regularFile:
		if rights = rightsOfFile; f.node != nil {
			rights |= rightsToWrite
		}
		if f.noRead {
			rights &^= rightRead
		}
	case dirFile:
		rights, inheriting = rightsOfDir, rightsInheriting
	}
	b[0] = h.filetype(f.kind)
	binary.LittleEndian.PutUint16(b[2:], f.flags)
	binary.LittleEndian.PutUint64(b[8:], rights)
	binary.LittleEndian.PutUint64(b[16:], inheriting)
	return Success
}

// fdFdstatSetFlags keeps the flags. All but append change nothing: a stream waits as it will, and
// nothing has to be synchronised.
func fdFdstatSetFlags(h *Host, _ memory, a *Args) Errno {
	f := h.file(a[0])
	switch {
	case f == nil:
		return EBADF
	case a[1] > fdFlags:
		return EINVAL
	}
	f.flags = uint16(a[1])
	return Success
}

// fdFlags is append, dsync, nonblock, rsync and sync.
const (
	fdFlags  = 1<<5 - 1
	fdAppend = 1 << 0
)

func fdFdstatSetRights(h *Host, _ memory, a *Args) Errno {
	if h.file(a[0]) == nil {
		return EBADF
	}
	return ENOTSUP
}

// fdSync also serves fd_datasync. There is never anything to write back.
func fdSync(h *Host, _ memory, a *Args) Errno {
	if h.file(a[0]) == nil {
		return EBADF
	}
	return Success
}

func fdAdvise(h *Host, _ memory, a *Args) Errno {
	f := h.file(a[0])
	switch {
	case f == nil:
		return EBADF
	case f.kind == dirFile:
		return EISDIR
	case f.kind != regularFile:
		return ESPIPE
	case a[3] > 5 || int64(a[1]) < 0 || int64(a[2]) < 0:
		return EINVAL
	}
	return Success
}
