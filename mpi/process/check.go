package process

import (
	"encoding/binary"
	"fmt"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/exec"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// checks are what a process of a job that is checked compares (see Config.Check): datatypes of
// sends with those of receives (MPI 5.0, 3.3.1), and the arguments of collective operations of all
// processes of a communicator (6.1). The first mismatch ends the job and names both sides.
//
// What a sender says of a message goes with it, as a note. What a process says of a collective
// operation goes to one process of the communicator, which compares: see ledger.
//
// A process that is not checked has none: a nil pointer is all that its calls look at.
type checks struct {
	p        *Process
	signer   datatype.Signer
	ledgers  map[uint64]*ledger // of communicators that this process compares for, by context
	forgetAt int                // number of ledgers at which idle ones are dropped
	stated   outbox
}

func newChecks(p *Process) *checks {
	return &checks{p: p, signer: datatype.Signer{Stop: p.end.Over}, ledgers: map[uint64]*ledger{}, forgetAt: minLedgers}
}

// said is what one side says of the data that it sends or expects.
type said struct {
	datatype.Signature
	count    int64
	handle   int32  // of a predefined datatype; 0 for another
	function uint16 // index of abi.Functions
	rank     uint16 // in the job
	known    bool   // the signature could be computed
}

// say describes count elements of t. A buffer that is not significant has no type.
func (k *checks) say(f *abi.Function, count int64, t *datatype.Type) said {
	i, _ := abi.Lookup(f.Name)
	s := said{count: count, function: uint16(i), rank: uint16(k.p.rank)}
	if t == nil {
		return s
	}
	if h := t.Handle(); h != abi.DatatypeNull {
		s.handle = h
	}
	s.Signature, s.known = k.signer.Whole(t, count)
	return s
}

// Bits of what is said, in the byte after the numbers.
const (
	saidPacked = 1 << iota
	saidKnown
)

// saidSize is the bytes of what is said: those of a note.
const saidSize = match.NoteSize

// The count takes 48 bits of its 64, as the largest memory has, and the flags the others.
const countBits = 48

// append appends 32 bytes.
func (s said) append(b []byte) []byte {
	flags := uint64(0)
	if s.Packed {
		flags |= saidPacked
	}
	if s.known {
		flags |= saidKnown
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Elements))
	b = binary.LittleEndian.AppendUint64(b, s.Hash)
	b = binary.LittleEndian.AppendUint64(b, flags<<countBits|uint64(s.count)&(1<<countBits-1))
	b = binary.LittleEndian.AppendUint32(b, uint32(s.handle))
	b = binary.LittleEndian.AppendUint16(b, s.function)
	return binary.LittleEndian.AppendUint16(b, s.rank)
}

// parseSaid is what another process said: anything, if its node is hostile.
func parseSaid(b []byte) said {
	word := binary.LittleEndian.Uint64(b[16:])
	flags := word >> countBits
	return said{
		Signature: datatype.Signature{
			Elements: int64(binary.LittleEndian.Uint64(b)), Hash: binary.LittleEndian.Uint64(b[8:]), Packed: flags&saidPacked != 0,
		},
		count: int64(word & (1<<countBits - 1)), known: flags&saidKnown != 0,
		handle:   int32(binary.LittleEndian.Uint32(b[24:])),
		function: binary.LittleEndian.Uint16(b[28:]),
		rank:     binary.LittleEndian.Uint16(b[30:]),
	}
}

// name is the name of the function that was called.
func (s said) name() string {
	if int(s.function) < len(abi.Functions) {
		return abi.Functions[s.function].Name
	}
	return "MPI"
}

// data is the data for people, as in "4 MPI_INT".
func (s said) data() string {
	if t := datatype.Named(s.handle); t != nil {
		return fmt.Sprintf("%d %s", s.count, t.Name())
	}
	return fmt.Sprintf("%d of a derived datatype, %d basic elements", s.count, s.Elements)
}

// note is the note of a send; nil in a process that is not checked.
func (c *call) note(b datatype.Buffer) *match.Note {
	if c.checks == nil {
		return nil
	}
	n := new(match.Note)
	c.checks.say(c.f, b.Count, b.Type).append(n[:0])
	return n
}

// received checks that the datatype of a receive matches that of the message that it got. Fewer
// elements may come than there is room for (MPI 5.0, 3.2.4).
func (k *checks) received(m *message) error {
	st := &m.Status
	if st.Note == nil || st.Cancelled {
		return nil
	}
	from := parseSaid(st.Note[:])
	to := k.say(m.by, m.buf.Count, m.buf.Type)
	if st.Truncated || !from.known || !to.known || from.Packed || to.Packed {
		return nil // a message that is too long is an error anyway
	}
	first, ok := k.signer.First(m.buf.Type, m.buf.Count, from.Elements)
	if ok && first.Hash == from.Hash {
		return nil
	}
	if k.p.end.Over() { // the signer stopped
		return k.p.end.Err()
	}
	return mismatch("rank %d sends %s (%s, tag %d), rank %d receives %s (%s)",
		from.rank, from.data(), from.name(), st.Tag, to.rank, to.data(), to.name())
}

// longer describes both sides of a message that is too long for its receive.
func (k *checks) longer(m *message) string {
	from, to := parseSaid(m.Status.Note[:]), k.say(m.by, m.buf.Count, m.buf.Type)
	return fmt.Sprintf("rank %d sends %s (%s, tag %d), rank %d receives %s (%s)",
		from.rank, from.data(), from.name(), m.Status.Tag, to.rank, to.data(), to.name())
}

// mismatch is the error that ends a job whose processes do not agree.
func mismatch(format string, args ...any) error {
	return &exec.ExitError{Reason: mpi.Aborted, Exit: 1, Detail: "mismatch: " + fmt.Sprintf(format, args...)}
}
