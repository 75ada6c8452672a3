package http

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// A ticket stands for the token where a browser cannot send a header: the URL of an EventSource, a
// picture, or a link. It lets its bearer read what jobs do and wrote, nothing else, and begin to do
// so within a minute. It is the time of its end and a MAC of that, so that the server keeps none.

const (
	ticketsPath = "/v1/tickets"
	ticketTime  = time.Minute
)

// Ticket is what POST /v1/tickets answers.
type Ticket struct {
	Ticket  string    `json:"ticket"`
	Expires time.Time `json:"expires"`
}

// tickets makes and checks tickets, with a key that lives as long as the server.
type tickets struct{ key []byte }

func newTickets() tickets {
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails
	return tickets{key}
}

// at is the ticket that is good until then.
func (t tickets) at(until time.Time) string {
	end := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	mac := hmac.New(sha256.New, t.key)
	mac.Write(end)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(end))
}

// admit reports whether the request has a ticket that is good for it. An error says why the ticket
// that it has is not.
func (t tickets) admit(r *http.Request) (bool, error) {
	ticket := r.URL.Query().Get("ticket")
	if ticket == "" {
		return false, nil
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead || !strings.HasPrefix(r.URL.Path, jobsPath+"/") {
		return false, mpi.Errorf(codeUnauthorized, "a ticket is for GET below %s/ alone: send the API's token", jobsPath)
	}
	raw, err := base64.RawURLEncoding.DecodeString(ticket)
	if err != nil || len(raw) != 8+sha256.Size {
		return false, errTicket()
	}
	until := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0)
	if !hmac.Equal([]byte(t.at(until)), []byte(ticket)) || time.Now().After(until) {
		return false, errTicket()
	}
	return true, nil
}

func errTicket() error {
	return mpi.Errorf(codeUnauthorized, "the ticket is over, or not of this daemon: POST %s gives a new one", ticketsPath)
}

// v1TicketsPost gives a ticket to a client that has the token.
func (s *Server) v1TicketsPost(w http.ResponseWriter, r *http.Request) error {
	if err := s.drain(w, r, 1<<20); err != nil {
		return err
	}
	until := time.Now().Add(ticketTime).Truncate(time.Second)
	return s.writeJSON(w, Ticket{s.guard.tickets.at(until), until.UTC()})
}
