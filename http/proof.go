package http

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

// Before a client that found the API by a file of the repository sends anything on a connection,
// the API proves there that it is the daemon of the repository: a daemon that was killed leaves the
// file behind, and then any user of the machine may listen at its port. GET /healthz with the
// header Challenge answers with the header Proof: the HMAC-SHA256, in hex, of the challenge, a zero
// byte, and the address and port that the connection has at the server. The key is in the
// [KeyFile], which only the repository's owner can read. With the address in the proof, nobody can
// get it from the daemon at another address.

// KeyFile is the file in the repository with the key of proofs, in hex, while the node runs.
const KeyFile = "mpi/api.key"

const (
	challengeHeader = "Challenge"
	proofHeader     = "Proof"
	proofSize       = 32       // bytes of keys and challenges
	maxProofAnswer  = 64 << 10 // bytes of the answer to a challenge
	proofTimeout    = 10 * time.Second
)

// NewProofKey draws a key for [Config] ProofKey, as the [KeyFile] has it.
func NewProofKey() string {
	key := make([]byte, proofSize)
	rand.Read(key) // never fails
	return hex.EncodeToString(key)
}

func proof(key, challenge string, addr net.Addr) string {
	at := addr.String()
	if tcp, ok := addr.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		at = net.JoinHostPort(ap.Addr().Unmap().WithZone("").String(), fmt.Sprint(ap.Port()))
	}
	mac := hmac.New(sha256.New, []byte(key))
	io.WriteString(mac, challenge+"\x00"+at)
	return hex.EncodeToString(mac.Sum(nil))
}

// prove answers a challenge, if there is one.
func (s *Server) prove(w http.ResponseWriter, r *http.Request) {
	challenge := r.Header.Get(challengeHeader)
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if s.cfg.ProofKey != "" && ok && len(challenge) == 2*proofSize {
		w.Header().Set(proofHeader, proof(s.cfg.ProofKey, challenge, local))
	}
}

// Open makes a client of the API at api, or, if api is empty, of the node that runs on the
// repository (see [Discover]), which has to prove on each connection that it does.
func Open(api, repo, token string) (*Client, error) {
	u, err := Discover(api, repo)
	if err != nil || api != "" {
		return NewClient(u, token), err
	}
	if repo, err = repository(repo); err != nil {
		return nil, err
	}
	name := filepath.Join(repo, filepath.FromSlash(KeyFile))
	key, err := readSmall(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("http: there is no %s, by which the API at %s could prove that it is the daemon of %s: restart the daemon, or give the API's address", name, u, repo)
	}
	if err != nil {
		return nil, fmt.Errorf("http: find the API: %w", err)
	}
	if len(key) != 2*proofSize {
		return nil, fmt.Errorf("http: %s holds no key: restart the daemon, or give the API's address", name)
	}
	return newClient(u, token, provenDial(key, repo)), nil
}

// dialFunc makes a connection, as [net.Dialer.DialContext] does.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// provenDial makes connections to the holder of the key.
func provenDial(key, repo string) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c.SetDeadline(time.Now().Add(proofTimeout))
		hangUp := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
		err = challenge(c, key, addr)
		if !hangUp() {
			err = ctx.Err()
		}
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("what listens at %s does not prove that it is the daemon of %s, and was told nothing: start the daemon (%w)", addr, repo, err)
		}
		c.SetDeadline(time.Time{})
		return c, nil
	}
}

var errProof = errors.New("its answer to a challenge is wrong")

// challenge has the server at the other end prove that it has the key. The connection can be used
// for requests then.
func challenge(c net.Conn, key, host string) error {
	nonce := NewProofKey()
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: ipfs-mpi\r\n%s: %s\r\n\r\n", healthPath, host, challengeHeader, nonce)
	if err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(c, maxProofAnswer))
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return errProof // its words are not for the user
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return errProof
	}
	want := proof(key, nonce, c.RemoteAddr())
	if !hmac.Equal([]byte(res.Header.Get(proofHeader)), []byte(want)) || res.Close || r.Buffered() > 0 {
		return errProof
	}
	return nil
}
