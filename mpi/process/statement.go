package process

import (
	"encoding/binary"
	"hash/fnv"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/datatype"
	"github.com/ipfs-mpi/ipfs-mpi/mpi/match"
)

// statement is what one process says of a collective operation that it begins.
type statement struct {
	rank     int32 // in the job; not sent
	function uint16
	kind     kindOfData
	root     int32  // noRoot if there is none
	op       int32  // handle of a predefined operation; of another userOperation; 0 for none
	counts   uint64 // hash of counts that have to be the same everywhere
	// Data that this process gives and gets: for one and all, or one for each process of the
	// communicator; nothing where that is not significant here, or too much to say.
	send, recv []said

	// of the sender
	req  match.Request
	env  match.Envelope
	data []byte
}

const (
	noRoot        = -100
	userOperation = -1
)

// kindOfData is how data of processes goes together.
type kindOfData byte

const (
	dataNone     kindOfData = iota // is not compared
	dataSame                       // the same signature everywhere
	dataToRoot                     // what a process gives is what the root gets from it
	dataFromRoot                   // what a process gets is what the root gives it
	dataAll                        // what a process gives another is what that one gets from it
)

// dataOf is that of each collective operation, by name without MPI_. Others have no data to compare
// here.
var dataOf = map[string]kindOfData{
	"Bcast": dataSame, "Reduce": dataSame, "Allreduce": dataSame, "Scan": dataSame, "Exscan": dataSame,
	"Reduce_scatter": dataSame, "Reduce_scatter_block": dataSame,
	"Gather": dataToRoot, "Gatherv": dataToRoot, "Scatter": dataFromRoot, "Scatterv": dataFromRoot,
	"Allgather": dataAll, "Allgatherv": dataAll, "Alltoall": dataAll, "Alltoallv": dataAll, "Alltoallw": dataAll,
}

// maxStated is the largest communicator in which processes state something for each other process.
const maxStated = 64

const statementHead = 2 + 1 + 4 + 4 + 8 + 2 + 2

// statementSize is the bytes of the largest statement in a communicator of n processes.
func statementSize(n int) int64 {
	if n > maxStated {
		n = 1
	}
	return statementHead + 2*saidSize*int64(n)
}

func (s *statement) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, s.function)
	b = append(b, byte(s.kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(s.root))
	b = binary.LittleEndian.AppendUint32(b, uint32(s.op))
	b = binary.LittleEndian.AppendUint64(b, s.counts)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s.send)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s.recv)))
	for _, x := range s.send {
		b = x.append(b)
	}
	for _, x := range s.recv {
		b = x.append(b)
	}
	return b
}

// parseStatement reads what another process stated in a communicator of n.
func parseStatement(b []byte, n int) (*statement, bool) {
	if len(b) < statementHead {
		return nil, false
	}
	s := &statement{
		function: binary.LittleEndian.Uint16(b), kind: kindOfData(b[2]), root: int32(binary.LittleEndian.Uint32(b[3:])),
		op: int32(binary.LittleEndian.Uint32(b[7:])), counts: binary.LittleEndian.Uint64(b[11:]),
	}
	lengths := [2]int{int(binary.LittleEndian.Uint16(b[19:])), int(binary.LittleEndian.Uint16(b[21:]))}
	b = b[statementHead:]
	if int(s.function) >= len(abi.Functions) || len(b) != saidSize*(lengths[0]+lengths[1]) {
		return nil, false
	}
	for i, list := range []*[]said{&s.send, &s.recv} {
		if lengths[i] > 1 && lengths[i] != n {
			return nil, false
		}
		for ; len(*list) < lengths[i]; b = b[saidSize:] {
			*list = append(*list, parseSaid(b))
		}
	}
	return s, true
}

// name is the function's name, which is the same with large counts.
func (s *statement) name() string {
	return strings.TrimSuffix(abi.Functions[s.function].Name, "_c")
}

// begins states that this process begins a collective operation without data to compare.
func (k *checks) begins(comm *Comm, f *abi.Function) error {
	i, _ := abi.Lookup(f.Name)
	return k.state(comm, &statement{function: uint16(i), root: noRoot})
}

// collective states the operation of a call, whose parameters were found good.
func (k *checks) collective(c *call, comm *Comm, name string) error {
	i, _ := abi.Lookup(c.f.Name)
	s := &statement{function: uint16(i), root: noRoot, kind: dataOf[name]}
	if comm.remote != nil {
		s.kind = dataNone
	} else if err := k.describe(c, comm, name, s); err != nil {
		return err
	}
	return k.state(comm, s)
}

// describe fills in the arguments.
func (k *checks) describe(c *call, comm *Comm, name string, s *statement) error {
	d := describer{k: k, c: c, comm: comm, s: s}
	switch name {
	case "Bcast":
		s.root = int32(c.int(3))
		d.one(&s.send, 0)
	case "Reduce":
		s.root = int32(c.int(5))
		d.reduction(2)
	case "Allreduce", "Scan", "Exscan", "Reduce_scatter_block":
		d.reduction(2)
	case "Reduce_scatter":
		d.scattered()
	case "Gather", "Gatherv":
		vector := name == "Gatherv"
		s.root = int32(c.int(6 + d.more(vector)))
		root := int(s.root) == comm.rank
		if !root || c.ptr(0) != abi.InPlace {
			d.one(&s.send, 0)
		}
		if root {
			d.blocks(&s.recv, vector, 3, layout{3, 4, 5, 6})
		}
	case "Scatter", "Scatterv":
		vector := name == "Scatterv"
		s.root = int32(c.int(6 + d.more(vector)))
		root, at := int(s.root) == comm.rank, 3+d.more(vector)
		if !root || c.ptr(at) != abi.InPlace {
			d.one(&s.recv, at)
		}
		if root {
			d.blocks(&s.send, vector, 0, layout{0, 1, 2, 3})
		}
	case "Allgather", "Allgatherv":
		if c.ptr(0) != abi.InPlace {
			d.one(&s.send, 0)
		}
		d.blocks(&s.recv, name == "Allgatherv", 3, layout{3, 4, 5, 6})
	case "Alltoall", "Alltoallv", "Alltoallw":
		vector := name != "Alltoall"
		d.typed = name == "Alltoallw"
		if c.ptr(0) != abi.InPlace {
			d.blocks(&s.send, vector, 0, layout{0, 1, 2, 3})
		}
		d.blocks(&s.recv, vector, 3+d.more(vector), layout{4, 5, 6, 7})
		if c.ptr(0) == abi.InPlace { // what comes replaces what goes
			s.send = s.recv
		}
	}
	return d.err
}

// describer reads the parameters of a collective operation.
type describer struct {
	k     *checks
	c     *call
	comm  *Comm
	s     *statement
	typed bool // each block has a type of its own
	err   error
}

// more is 1 for operations with counts, which have one more parameter for each side.
func (d *describer) more(vector bool) int {
	if vector {
		return 1
	}
	return 0
}

// one says the buffer whose count and type are parameters i+1 and i+2.
func (d *describer) one(list *[]said, i int) {
	count, err := d.c.count(i + 1)
	t, err2 := d.c.datatype(i + 2)
	if err != nil || err2 != nil { // it is not significant after all
		return
	}
	*list = []said{d.k.say(d.c.f, count, t)}
}

// blocks says what goes to or comes from each process: by one count and type, or a list of them.
func (d *describer) blocks(list *[]said, vector bool, i int, l layout) {
	if !vector {
		d.one(list, i)
		return
	}
	n := d.comm.size()
	if n > maxStated {
		return
	}
	counts, err := d.c.counts(l.counts, int64(n))
	if err != nil {
		d.err = err
		return
	}
	var types []int64
	if d.typed {
		if types, d.err = d.c.ints(d.c.ptr(l.types), int64(n)); d.err != nil {
			return
		}
	}
	for r, count := range counts {
		handle := d.c.handle(l.types)
		if d.typed {
			handle = int32(types[r])
		}
		var t *datatype.Type
		if o := d.c.handles.types.get(handle); o != nil {
			t = o.Type
		}
		*list = append(*list, d.k.say(d.c.f, count, t))
	}
}

// reduction says the elements of a reduction, of which parameter i is the count.
func (d *describer) reduction(i int) {
	d.operation()
	count, err := d.c.count(i)
	t, err2 := d.c.datatype(3)
	if err == nil && err2 == nil {
		d.s.send = []said{d.k.say(d.c.f, count, t)}
	}
}

// scattered says those of MPI_Reduce_scatter, whose counts are the same everywhere.
func (d *describer) scattered() {
	d.operation()
	counts, err := d.c.counts(2, int64(d.comm.size()))
	t, err2 := d.c.datatype(3)
	if err != nil || err2 != nil {
		return
	}
	total := int64(0)
	h := fnv.New64a()
	for _, n := range counts {
		total += n
		_ = binary.Write(h, binary.LittleEndian, n)
	}
	d.s.counts = h.Sum64()
	d.s.send = []said{d.k.say(d.c.f, total, t)}
}

func (d *describer) operation() {
	if op := d.c.handles.ops.get(d.c.handle(4)); op != nil {
		if d.s.op = int32(op.predefined); d.s.op == 0 {
			d.s.op = userOperation
		}
	}
}

// operations are the names of predefined operations.
var operations = map[int32]string{
	abi.Sum: "MPI_SUM", abi.Min: "MPI_MIN", abi.Max: "MPI_MAX", abi.Prod: "MPI_PROD", abi.Band: "MPI_BAND", abi.Bor: "MPI_BOR",
	abi.Bxor: "MPI_BXOR", abi.Land: "MPI_LAND", abi.Lor: "MPI_LOR", abi.Lxor: "MPI_LXOR", abi.Minloc: "MPI_MINLOC", abi.Maxloc: "MPI_MAXLOC",
	userOperation: "an operation of the program",
}

// compare compares a statement with those about the same operation that are there. The ledger is
// locked.
func (l *ledger) compare(e *entry, s *statement, place int) error {
	mine := e.said[0]
	switch {
	case mine.name() != s.name():
		return mismatch("rank %d calls %s, rank %d calls %s, on %s", mine.rank, mine.name(), s.rank, s.name(), l.name)
	case mine.kind != s.kind:
		return nil // another version of the program
	case mine.root != s.root:
		return mismatch("rank %d calls %s with root %d, rank %d with root %d, on %s", mine.rank, s.name(), mine.root, s.rank, s.root, l.name)
	case mine.op != s.op:
		return mismatch("rank %d calls %s with %s, rank %d with %s, on %s", mine.rank, s.name(), operations[mine.op], s.rank, operations[s.op], l.name)
	case mine.counts != s.counts:
		return mismatch("rank %d calls %s with other counts than rank %d, on %s", mine.rank, s.name(), s.rank, l.name)
	}
	for other, o := range e.said {
		if o == nil || other == place {
			continue
		}
		if err := l.pair(o, other, s, place); err != nil {
			return err
		}
		if s.kind == dataSame { // all are compared with the first
			break
		}
	}
	return nil
}

// pair compares the data of two processes, a and b at their places in the communicator.
func (l *ledger) pair(a *statement, atA int, b *statement, atB int) error {
	switch a.kind {
	case dataSame:
		if x, y := at(a.send, 0), at(b.send, 0); x.differs(y) {
			return mismatch("rank %d calls %s with %s, rank %d with %s, on %s", a.rank, a.name(), x.data(), b.rank, y.data(), l.name)
		}
	case dataToRoot, dataFromRoot, dataAll:
		if err := l.flow(a, atA, b, atB); err != nil {
			return err
		}
		return l.flow(b, atB, a, atA)
	}
	return nil
}

// flow compares what a gives b with what b gets from it, if anything.
func (l *ledger) flow(a *statement, atA int, b *statement, atB int) error {
	if a.kind == dataToRoot && int(a.root) != atB || a.kind == dataFromRoot && int(a.root) != atA {
		return nil
	}
	if x, y := at(a.send, atB), at(b.recv, atA); x.differs(y) {
		return mismatch("in %s rank %d gives rank %d %s, which gets %s, on %s", a.name(), a.rank, b.rank, x.data(), y.data(), l.name)
	}
	return nil
}

// at is what is said for a process: of one for all, that; nothing if there is none.
func at(list []said, i int) said {
	switch {
	case len(list) == 1:
		return list[0]
	case i < len(list):
		return list[i]
	}
	return said{}
}

// differs reports whether two sides do not agree on data of a collective operation: their
// signatures are to be the same (MPI 5.0, 6.1).
func (s said) differs(o said) bool {
	if !s.known || !o.known || s.Packed && s.Elements > 0 || o.Packed && o.Elements > 0 {
		return false
	}
	return s.Elements != o.Elements || s.Hash != o.Hash
}

// ordered are the collective functions besides those of data: each process of the communicator in
// parameter 0 calls them in the same order (MPI 5.0, 7.4.2, 7.6.2, 8.5).
var ordered = map[string]bool{
	"MPI_Comm_dup": true, "MPI_Comm_idup": true, "MPI_Comm_dup_with_info": true, "MPI_Comm_idup_with_info": true, "MPI_Comm_create": true,
	"MPI_Comm_split": true, "MPI_Comm_split_type": true, "MPI_Cart_create": true, "MPI_Cart_sub": true, "MPI_Graph_create": true,
	"MPI_Dist_graph_create": true, "MPI_Dist_graph_create_adjacent": true, "MPI_Intercomm_create": true, "MPI_Intercomm_merge": true,
}

// before states a call of one of those.
func (k *checks) before(c *call) error {
	if !ordered[c.f.Name] || k.p.state != running {
		return nil
	}
	comm := k.p.handles.comms.get(c.handle(0))
	if comm == nil {
		return nil
	}
	return k.begins(comm, c.f)
}

// finalize states the end of the process, and waits until all is compared.
func (k *checks) finalize(c *call) error {
	if err := k.begins(c.world, c.f); err != nil {
		return err
	}
	return k.flush()
}
