package match

import "github.com/ipfs-mpi/ipfs-mpi/mpi/frame"

// said is a note of another node, about the next message of that context and tag from the same
// rank. There is one for each rank at most.
type said struct {
	any     bool
	context uint64
	tag     int32
	note    Note
}

// tellNote sends the note of a message, whose packet is p, if it has one.
func (e *Endpoint) tellNote(r *Request, p frame.Packet) {
	if r.env.Note != nil {
		e.tell(frame.Packet{Kind: frame.PacketNote, From: p.From, To: p.To, Context: p.Context, Source: p.Source, Tag: p.Tag, Data: r.env.Note[:]})
	}
}

// noted takes a note of another node. The mailbox is locked.
func (e *Endpoint) noted(p frame.Packet) (why string) {
	switch {
	case !e.w.cfg.Notes:
		return "nobody here asked for notes"
	case len(p.Data) != NoteSize:
		return "a note is of another size"
	}
	e.peer(int(p.From)).said = said{true, p.Context, p.Tag, Note(p.Data)}
	return ""
}

// take is the note about a message of another node, nil if there is none.
func (p *peer) take(k frame.Packet) *Note {
	s := &p.said
	if !s.any || s.context != k.Context || s.tag != k.Tag {
		return nil
	}
	s.any = false
	n := s.note
	return &n
}
