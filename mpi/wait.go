package mpi

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// RankWait is what a rank waits for.
type RankWait struct {
	// what the rank is in, such as "MPI_Recv"; [ReadsInput] if it reads standard input
	Call string `json:"call"`
	Comm string `json:"communicator,omitempty"` // the communicator's name
	// Messages are those that the call needs, at most [MaxWaitMessages]. A collective operation has
	// none: it waits for all members of its communicator.
	Messages []WaitMessage `json:"messages,omitempty"`
	More     int           `json:"more,omitempty"` // messages that Messages does not have
	Since    time.Time     `json:"since"`          // by the origin's clock

	For time.Duration `json:"-"` // what came of it when its node was asked
}

// WaitMessage is a message that a rank waits for.
type WaitMessage struct {
	Send bool `json:"send,omitempty"`
	Rank int  `json:"rank"` // in MPI_COMM_WORLD: the receiver, or the sender; -1 for any
	Tag  int  `json:"tag"`  // -1 for any
}

// ReadsInput is the call of a rank that waits for standard input.
const ReadsInput = "read of standard input"

// Limits of a [RankWait] that travels.
const (
	MaxWaitMessages = 4
	MaxWaitCall     = 64 // bytes
	MaxWaitComm     = 64 // bytes
	// MaxWaits is of how many ranks of a node it is told what they wait for: the first ones.
	MaxWaits = 256
)

// Peers says which messages it waits for: "from rank 1 (tag 5)", or nothing.
func (w *RankWait) Peers() string {
	var b strings.Builder
	for i, m := range w.Messages {
		if i > 0 {
			b.WriteString(", ")
		}
		switch {
		case m.Send:
			fmt.Fprintf(&b, "to rank %d", m.Rank)
		case m.Rank < 0:
			b.WriteString("from any rank")
		default:
			fmt.Fprintf(&b, "from rank %d", m.Rank)
		}
		if m.Tag < 0 {
			b.WriteString(" (any tag)")
		} else {
			b.WriteString(" (tag " + strconv.Itoa(m.Tag) + ")")
		}
	}
	if w.More > 0 {
		fmt.Fprintf(&b, " and %d more", w.More)
	}
	return b.String()
}

// What says what the rank waits for, but not for how long: "MPI_Recv from rank 1 (tag 5) on
// MPI_COMM_WORLD".
func (w *RankWait) What() string {
	s := w.Call
	if p := w.Peers(); p != "" {
		s += " " + p
	}
	if w.Comm != "" {
		s += " on " + w.Comm
	}
	return s
}

// Text is What with how long the rank has waited at a time.
func (w *RankWait) Text(now time.Time) string {
	d := max(now.Sub(w.Since), 0)
	if d < time.Second {
		d = d.Round(100 * time.Millisecond)
	} else {
		d = d.Round(time.Second)
	}
	return fmt.Sprintf("%s, for %v", w.What(), d)
}

// Clip cuts a wait to the limits, and makes its texts safe to show.
func (w RankWait) Clip() RankWait {
	w.Call, w.Comm = clipped(w.Call, MaxWaitCall), clipped(w.Comm, MaxWaitComm)
	if n := len(w.Messages); n > MaxWaitMessages {
		w.Messages, w.More = w.Messages[:MaxWaitMessages], w.More+n-MaxWaitMessages
	}
	return w
}

func clipped(s string, n int) string {
	s = Printable(s, false)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
