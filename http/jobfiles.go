package http

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// JobFiles is what GET /v1/jobs/{id}/files answers.
type JobFiles struct {
	Files []mpi.JobFile `json:"files"`
}

// Program is what POST /v1/programs answers.
type Program struct {
	Program mpi.CID `json:"program"`
}

func (s *Server) v1JobFiles(w http.ResponseWriter, r *http.Request) error {
	job, err := s.node.Job(r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.writeJSON(w, JobFiles{filled(job.Files)})
}

func (s *Server) v1JobFile(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if !fs.ValidPath(name) || name == "." {
		return mpi.Errorf(mpi.CodeInvalid, "%q is no file of a job: it must be a name as in its files", clip(name))
	}
	job, err := s.node.Job(r.PathValue("id"))
	if err != nil {
		return err
	}
	f, err := s.node.JobFile(job.ID, name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	// The name and the bytes are a program's: a browser must not render them as a page of this API.
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name[strings.LastIndexByte(name, '/')+1:]}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	st := s.stream(w, r, "application/octet-stream", "")
	defer st.close()
	st.begin()
	if !st.head {
		_, err = io.Copy(st, f)
	}
	st.end(err)
	return nil
}

// v1JobStdin passes the body on to rank 0, without a limit in time or size.
func (s *Server) v1JobStdin(w http.ResponseWriter, r *http.Request) error {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return mpi.Errorf(codeMedia, "Content-Encoding %q is not understood: send the body as it is", enc)
	}
	job, err := s.node.Job(r.PathValue("id"))
	if err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Time{}) // who types may think
	// answers before the body's end, when the rank has ended
	if err := rc.EnableFullDuplex(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.streams, func() { cancel(errStopping) })()
	// The context alone does not end a read of the body.
	defer context.AfterFunc(ctx, func() { rc.SetReadDeadline(time.Unix(1, 0)) })()
	if err := s.node.JobInput(ctx, job.ID, r.Body); err != nil {
		if errors.Is(context.Cause(ctx), errStopping) {
			err = mpi.Errorf(mpi.CodeStopping, "the node is shutting down: the input was cut short")
		}
		return err
	}
	if _, more := rest(r); more {
		w.Header().Set("Connection", "close") // the rank takes no more, and the client goes on
	}
	s.answerEarly(w, r, func() { w.WriteHeader(http.StatusNoContent) })
	return nil
}

// v1Programs adds a program to IPFS.
func (s *Server) v1Programs(w http.ResponseWriter, r *http.Request) error {
	switch mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType {
	case "", "application/wasm", "application/octet-stream", "application/x-www-form-urlencoded":
	default:
		return mpi.Errorf(codeMedia, "Content-Type %q is not understood: send application/wasm", clip(mediaType))
	}
	sh := share{of: s.room}
	defer sh.set(0)
	var cid mpi.CID
	err := s.body(w, r, &sh, nil, func(in []byte) (int64, error) {
		if !bytes.HasPrefix(in, []byte("\x00asm")) {
			return 0, mpi.Errorf(mpi.CodeInvalid, "body: it is not WebAssembly, which begins with the bytes 00 61 73 6d: send the .wasm file as it is (curl --data-binary @prog.wasm)")
		}
		var err error
		cid, err = s.node.AddProgram(r.Context(), in)
		return int64(len(in)), err
	})
	if err != nil {
		return err
	}
	return s.writeJSON(w, Program{cid})
}
