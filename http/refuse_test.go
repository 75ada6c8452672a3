package http

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// largeBody is more than the buffers of a connection hold, so that it cannot all be under way when
// the server closes.
const largeBody = 24 << 20

// A client that writes its whole request before it reads gets the answer all the same.
func TestRefusedBeforeTheBody(t *testing.T) {
	s := serve(t, newFake(t), Config{MaxBody: 1 << 20, Token: "secret"})
	const bearer = "Authorization: Bearer secret\r\n"
	for _, c := range []struct {
		name, line, headers string
		status              int
		code                mpi.Code
	}{
		{"body too large", "POST /v1/jobs", bearer, 413, mpi.CodeTooLarge},
		{"body of POST / too large", "POST /", bearer + "File: echo/1.0.0\r\n", 413, mpi.CodeTooLarge},
		{"no token", "POST /v1/messages", "", 401, codeUnauthorized},
		{"another origin", "POST /v1/messages", bearer + "Origin: https://evil.example\r\n", 403, codeForbidden},
		{"no such path", "POST /v2", bearer, 404, codeNoPath},
		{"another method", "PUT /v1/jobs", bearer, 405, codeMethod},
		{"a GET with a body", "GET /v1/node", bearer, 413, mpi.CodeTooLarge},
		{"another media type", "POST /v1/jobs", bearer + "Content-Type: text/xml\r\n", 415, codeMedia},
		{"no type for the answer", "POST /v1/messages", bearer + "Accept: text/html\r\n", 406, codeAccept},
		{"a header twice", "POST /", bearer + "Expected: 1\r\nExpected: 2\r\n", 400, mpi.CodeInvalid},
		{"does not wait for 100", "POST /v1/jobs", bearer + "Expect: 100-continue\r\n", 413, mpi.CodeTooLarge},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/chunked=%v", c.name, chunked), func(t *testing.T) {
				t.Parallel()
				conn := dial(t, s)
				head := c.line + " HTTP/1.1\r\nHost: localhost\r\n" + c.headers
				if err := writeLarge(conn, head, chunked); err != nil {
					t.Fatalf("the request was cut off: %v", err)
				}
				r := bufio.NewReader(conn)
				if chunked && c.name == "does not wait for 100" {
					// The length is not known before the body is read.
					if _, err := io.CopyN(io.Discard, r, int64(len("HTTP/1.1 100 Continue\r\n\r\n"))); err != nil {
						t.Fatal(err)
					}
				}
				res, body := answer(t, r)
				wantProblem(t, res, body, c.status, c.code)
				if !res.Close {
					t.Error("the connection stays open")
				}
			})
		}
	}
}

// writeLarge writes a request whose body is of largeBody bytes.
func writeLarge(w io.Writer, head string, chunked bool) error {
	part := bytes.Repeat([]byte(" "), 1<<20)
	if !chunked {
		fmt.Fprintf(w, "%sContent-Length: %d\r\n\r\n", head, largeBody)
	} else {
		fmt.Fprintf(w, "%sTransfer-Encoding: chunked\r\n\r\n", head)
	}
	for range largeBody / len(part) {
		if chunked {
			fmt.Fprintf(w, "%x\r\n", len(part))
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
		if chunked {
			io.WriteString(w, "\r\n")
		}
	}
	if chunked {
		_, err := io.WriteString(w, "0\r\n\r\n")
		return err
	}
	return nil
}

// A refused client that sends no more is not waited for, and one that waits for "100 Continue" is
// answered without it.
func TestRefusedClientIsNotWaitedFor(t *testing.T) {
	s := serve(t, newFake(t), Config{MaxBody: 1 << 20, IdleTimeout: time.Hour, BodyTimeout: time.Hour})
	for name, headers := range map[string]string{"silent": "", "waits for 100": "Expect: 100-continue\r\n"} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, s)
			fmt.Fprintf(conn, "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n", headers, largeBody)
			r := bufio.NewReader(conn)
			res, body := answer(t, r)
			wantProblem(t, res, body, 413, mpi.CodeTooLarge)
			if _, err := r.ReadByte(); err == nil || isTimeout(err) {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// A refused request with a short body leaves the connection as it was.
func TestRefusedShortBodyKeepsTheConnection(t *testing.T) {
	s := serve(t, newFake(t), Config{})
	conn := dial(t, s)
	r := bufio.NewReader(conn)
	for range 3 {
		io.WriteString(conn, post("/v1/jobs", "Content-Type: text/xml\r\n", "<file/>"))
		res, body := answer(t, r)
		wantProblem(t, res, body, 415, codeMedia)
		if res.Close {
			t.Fatal("the connection is to be closed")
		}
	}
}
