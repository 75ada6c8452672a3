package http

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

func jobPath(id string, below ...string) (string, error) {
	if dots(id) {
		// A path with these would be another path.
		return "", mpi.Errorf(mpi.CodeInvalid, "%q is no job", clip(id))
	}
	path := jobsPath + "/" + url.PathEscape(id)
	for _, part := range below {
		path += "/" + part
	}
	return path, nil
}

// StartJob begins a job and returns its record at once.
func (c *Client) StartJob(ctx context.Context, spec mpi.JobSpec) (*mpi.Job, error) {
	req := jobRequest{File: spec.File, Name: spec.Name, Ranks: spec.Ranks, Args: spec.Args, Env: spec.Env, MapBy: spec.MapBy, Peers: spec.Peers, Memory: spec.Memory, Stdin: spec.Stdin, Follow: spec.Follow,
		AllowDeadlock: spec.AllowDeadlock, Check: spec.CheckCalls, FT: spec.FT, Spares: spec.Spares}
	for _, t := range []struct {
		from time.Duration
		to   *timeout
	}{{spec.Timeout, &req.Timeout}, {spec.WaitSlots, &req.WaitSlots}, {spec.Grace, &req.Grace}} {
		if t.from != 0 {
			*t.to = timeout(t.from.String())
		}
	}
	body, err := cbor.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("http: encode the job: %w", err)
	}
	job := new(mpi.Job)
	return job, c.ask(ctx, http.MethodPost, jobsPath, mediaCBOR, body, job)
}

// Jobs returns the jobs of the node, the newest first, without their ranks, files, arguments,
// environment and peers.
func (c *Client) Jobs(ctx context.Context) ([]*mpi.Job, error) {
	var doc Jobs
	err := c.get(ctx, jobsPath, &doc)
	return doc.Jobs, err
}

// Job is the record of a job.
func (c *Client) Job(ctx context.Context, id string) (*mpi.Job, error) {
	path, err := jobPath(id)
	if err != nil {
		return nil, err
	}
	job := new(mpi.Job)
	return job, c.get(ctx, path, job)
}

// CancelJob ends a job everywhere, and returns its record when it has ended.
func (c *Client) CancelJob(ctx context.Context, id string) (*mpi.Job, error) {
	path, err := jobPath(id)
	if err != nil {
		return nil, err
	}
	job := new(mpi.Job)
	return job, c.ask(ctx, http.MethodDelete, path, "", nil, job)
}

// Hosted are the jobs of other origins that have ranks on the node.
func (c *Client) Hosted(ctx context.Context) (mpi.HostedJobs, error) {
	var list mpi.HostedJobs
	return list, c.get(ctx, hostedPath, &list)
}

// EndHosted ends what a job of another origin has on the node.
func (c *Client) EndHosted(ctx context.Context, id string) error {
	if dots(id) {
		return mpi.Errorf(mpi.CodeInvalid, "%q is no job's ID", clip(id))
	}
	res, err := c.do(ctx, http.MethodDelete, hostedPath+"/"+url.PathEscape(id), nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return expect(res, http.StatusNoContent)
}

// AddProgram adds a program to IPFS, so that the node's peers can fetch it, and returns its CID.
func (c *Client) AddProgram(ctx context.Context, wasm []byte) (mpi.CID, error) {
	var doc Program
	err := c.ask(ctx, http.MethodPost, "/v1/programs", "application/wasm", wasm, &doc)
	return doc.Program, err
}

// JobFile opens a file that a rank of the job wrote. If reading it fails, the file is incomplete.
func (c *Client) JobFile(ctx context.Context, id, name string) (io.ReadCloser, error) {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if dots(part) {
			return nil, mpi.Errorf(mpi.CodeInvalid, "%q is no file of a job", clip(name))
		}
		parts[i] = url.PathEscape(part)
	}
	path, err := jobPath(id, append([]string{"files"}, parts...)...)
	if err != nil {
		return nil, err
	}
	return c.open(ctx, path)
}

// JobLogs is the output of a job, as text.
func (c *Client) JobLogs(ctx context.Context, id string, o LogOptions) (io.ReadCloser, error) {
	path, err := jobPath(id, "logs")
	if err != nil {
		return nil, err
	}
	return c.open(ctx, path+"?"+o.query())
}

// JobInput sends all of in to rank 0 as its standard input. It returns early if the rank takes no
// more, or ctx ends. A goroutine may then still be in a Read of in, and ends with it: a Read of a
// terminal cannot be interrupted.
func (c *Client) JobInput(ctx context.Context, id string, in io.Reader) error {
	path, err := jobPath(id, "stdin")
	if err != nil {
		return err
	}
	// net/http waits for a Read of the body even after ctx has ended. A Read of the pipe ends then.
	body, w := io.Pipe()
	defer body.Close()
	defer context.AfterFunc(ctx, func() { body.CloseWithError(ctx.Err()) })()
	go func() {
		_, err := io.Copy(w, in)
		w.CloseWithError(err)
	}()
	res, err := c.send(ctx, http.MethodPost, path, "application/octet-stream", body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return expect(res, http.StatusNoContent)
}

// open asks for a document that the caller reads.
func (c *Client) open(ctx context.Context, path string) (io.ReadCloser, error) {
	res, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	if err := expect(res, http.StatusOK); err != nil {
		res.Body.Close()
		return nil, err
	}
	return res.Body, nil
}

// ask sends a body, if it is not nil, and reads the document that comes back.
func (c *Client) ask(ctx context.Context, method, path, mediaType string, body []byte, doc any) error {
	res, err := c.send(ctx, method, path, mediaType, bytes.NewReader(body))
	if err != nil {
		return err
	}
	return readDocument(res, doc, http.StatusOK, http.StatusCreated)
}
