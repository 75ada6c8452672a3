package link

import "math"

// FileOpen asks for a file of a unit, which is 0 for all ranks. The worker chooses File, which no
// open file has.
type FileOpen struct {
	File uint32
	Unit uint32
	Name string // as in fs.ValidPath
}

// FileError says how a request for a file ended.
type FileError byte

// The errors. The list is append-only.
const (
	FileOK          FileError = 0
	FileMissing     FileError = 1
	FileNotAllowed  FileError = 2
	FileUnavailable FileError = 3 // the blocks could not be had
	FileTooMany     FileError = 4 // more than MaxFiles are open
	lastFileError             = FileTooMany
)

// FileOpened answers FileOpen. With an error the file is not open.
type FileOpened struct {
	File    uint32
	Error   FileError
	Dir     bool
	Size    int64
	ModTime int64 // Unix time in nanoseconds, 0 for none
}

// FileRead asks for at most Length bytes from Offset, or for the entries of a directory from the
// Offset-th. A file has one request at a time.
type FileRead struct {
	File   uint32
	Offset int64
	Length uint32 // at most [MaxRange]
}

// FileData answers FileRead of a file. Fewer bytes than asked for are its end.
type FileData struct {
	File  uint32
	Error FileError
	Data  []byte
}

// Entry is one name of a directory.
type Entry struct {
	Dir  bool
	Name string // 1 to 255 bytes
}

// FileNames answers FileRead of a directory, in the order of the file system. End says that no
// entry follows.
type FileNames struct {
	File    uint32
	Error   FileError
	End     bool
	Entries []Entry
}

// FileClose closes a file.
type FileClose struct{ File uint32 }

func (f *FileOpen) walk(c *codec) {
	c.u32(&f.File, "file", math.MaxUint32)
	c.unit(&f.Unit)
	c.text(&f.Name, "name", MaxPath)
}

func (f *FileOpened) walk(c *codec) {
	c.u32(&f.File, "file", math.MaxUint32)
	c.fileError(&f.Error)
	c.flag(&f.Dir, "dir")
	c.size(&f.Size, "size", math.MaxInt64)
	c.i64(&f.ModTime)
}

func (f *FileRead) walk(c *codec) {
	c.u32(&f.File, "file", math.MaxUint32)
	c.size(&f.Offset, "offset", math.MaxInt64-MaxRange)
	c.u32(&f.Length, "length", MaxRange)
}

func (f *FileData) walk(c *codec) {
	c.u32(&f.File, "file", math.MaxUint32)
	c.fileError(&f.Error)
	c.rest(&f.Data, MaxData)
}

func (f *FileNames) walk(c *codec) {
	c.u32(&f.File, "file", math.MaxUint32)
	c.fileError(&f.Error)
	c.flag(&f.End, "end")
	c.entries(&f.Entries)
}

func (f *FileClose) walk(c *codec) { c.u32(&f.File, "file", math.MaxUint32) }
