package mpi

// Interpreter is one name/version directory of a store.
type Interpreter struct {
	Name    string `json:"name"`
	Version string `json:"version"` // a semantic version, without a leading v
	CID     CID    `json:"cid"`     // of the directory
}

// String is "name/version", as the File header of the API spells it.
func (i Interpreter) String() string { return i.Name + "/" + i.Version }

// Limits on names, which come from stores and peers that others wrote.
const (
	MaxNameLen    = 128
	MaxVersionLen = 128
	MaxServes     = 1024 // interpreters of one node
)

// ValidName reports whether s can name an interpreter: 1 to [MaxNameLen] bytes of
// lower- and upper-case ASCII letters, digits, '.', '_' and '-', not starting with
// a dot or a dash.
func ValidName(s string) bool {
	if len(s) == 0 || len(s) > MaxNameLen || s[0] == '.' || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
