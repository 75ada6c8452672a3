package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Client uses the API of one node. It is safe for concurrent use. If the node answered with an
// error, methods return a [*Problem], in which errors.As also finds an [*mpi.Error]. Other errors
// mean that no node answered.
type Client struct {
	base  string
	token string
	http  *http.Client
	calls *calls // of Send; nil if net/http carries it
}

// Bounds on answers, in bytes. The server may not be a node.
const (
	maxAnswer  = 1 << 30
	maxProblem = 1 << 28
)

// NewClient makes a client of the API at base, a URL as [Discover] finds it; token may be empty.
func NewClient(base, token string) *Client { return newClient(base, token, dialer.DialContext) }

var dialer = net.Dialer{Timeout: 10 * time.Second}

func newClient(base, token string, dial dialFunc) *Client {
	base = strings.TrimRight(base, "/")
	return &Client{
		base:  base,
		token: token,
		calls: newCalls(base, messagesPath, mediaCBOR, token, dial),
		http: &http.Client{
			// No proxy: the API is local, and a proxy would see its token.
			Transport: &http.Transport{
				DialContext:         dial,
				MaxIdleConnsPerHost: 64,
				IdleConnTimeout:     time.Minute,
				DisableCompression:  true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close closes the client's idle connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	if c.calls != nil {
		c.calls.close(time.Now())
	}
}

// Health asks whether the API answers. It needs no token.
func (c *Client) Health(ctx context.Context) error {
	return c.get(ctx, healthPath, &struct{}{})
}

// Node is the node's status.
func (c *Client) Node(ctx context.Context) (mpi.NodeStatus, error) {
	var st mpi.NodeStatus
	return st, c.get(ctx, "/v1/node", &st)
}

// Interpreters are those of the node and those that its peers serve.
func (c *Client) Interpreters(ctx context.Context) ([]mpi.InterpreterStatus, error) {
	var doc Interpreters
	err := c.get(ctx, "/v1/interpreters", &doc)
	return doc.Interpreters, err
}

// Workers are the processes in which the node runs programs.
func (c *Client) Workers(ctx context.Context) (mpi.WorkerList, error) {
	var list mpi.WorkerList
	return list, c.get(ctx, workersPath, &list)
}

// Clear has the node forget that a program crashed its workers, so that it serves it again.
func (c *Client) Clear(ctx context.Context, program mpi.CID) error {
	if dots(string(program)) {
		return mpi.Errorf(mpi.CodeInvalid, "%q is no CID", clip(string(program)))
	}
	res, err := c.do(ctx, http.MethodDelete, "/v1/interpreters/"+url.PathEscape(string(program))+"/crashes", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return expect(res, http.StatusNoContent)
}

// Pool is the pool of a program, spelled as in [mpi.Request]; fresh asks the network first.
func (c *Client) Pool(ctx context.Context, file string, fresh bool) (mpi.PoolStatus, error) {
	var pool mpi.PoolStatus
	name, version, both := strings.Cut(file, "/")
	path := "/v1/pools/" + url.PathEscape(name)
	if both {
		path += "/" + url.PathEscape(version)
	}
	if dots(name) || both && (version == "" || dots(version)) {
		// A path with these would be another path.
		return pool, mpi.Errorf(mpi.CodeInvalid, "%q is no interpreter: it must be a name, name/version, name/range or a CID", clip(file))
	}
	return pool, c.get(ctx, path+query(fresh), &pool)
}

func dots(s string) bool { return s == "" || s == "." || s == ".." }

// Peers are the peers that the node knows, sorted by ID; fresh asks the network first.
func (c *Client) Peers(ctx context.Context, fresh bool) ([]mpi.Member, error) {
	var doc Peers
	err := c.get(ctx, "/v1/peers"+query(fresh), &doc)
	list := doc.Peers
	for err == nil && doc.Next != "" {
		after := doc.Next
		doc = Peers{}
		if err = c.get(ctx, "/v1/peers?after="+url.QueryEscape(string(after)), &doc); err == nil && doc.Next != "" && doc.Next <= after {
			err = fmt.Errorf("the API's pages of peers have no end: after %q comes %q", after, doc.Next)
		}
		list = append(list, doc.Peers...)
	}
	return list, err
}

func query(fresh bool) string {
	if fresh {
		return "?refresh"
	}
	return ""
}

// Send sends the messages of r and waits for the answers that it expects. As with [Node.Do], with
// an error the result holds the answers and failures so far. When ctx ends, the request is
// cancelled.
func (c *Client) Send(ctx context.Context, r mpi.Request) (mpi.Result, error) {
	expected := int64(r.Expected)
	doc := sendRequest{File: r.File, Pid: &r.Pid, Expected: &expected, Messages: make([]sendMessage, len(r.Messages))}
	if r.Timeout != 0 {
		doc.Timeout = timeout(r.Timeout.String())
	}
	if r.Grace != 0 {
		doc.Grace = timeout(r.Grace.String())
	}
	for i, m := range r.Messages {
		doc.Messages[i] = sendMessage{From: m.From, To: m.To, Data: filled([]byte(m.Data))}
	}
	body, err := cbor.Marshal(doc)
	if err != nil {
		return mpi.Result{}, fmt.Errorf("http: encode the request: %w", err)
	}
	res, in, err := c.call(ctx, body) //nolint:bodyclose // call has closed it
	if err != nil {
		return mpi.Result{Pid: r.Pid}, err
	}
	if res.StatusCode != http.StatusOK {
		var p sendProblem
		err := problemOf(res, c.base+messagesPath, in, &p.Problem, &p)
		p.sendResponse.Failures = p.Failures
		p.Pid = r.Pid
		return p.sendResponse.result(), err
	}
	var out sendResponse
	if scanResponse(in, &out) {
		return out.result(), nil
	}
	out = sendResponse{}
	if err := cborAnswer.Unmarshal(in, &out); err != nil {
		return mpi.Result{Pid: r.Pid}, fmt.Errorf("http: answer of %s is not understood: %w", c.base, err)
	}
	return out.result(), nil
}

// call posts the body of a request for messages, and reads the answer whole: its Body is closed.
func (c *Client) call(ctx context.Context, body []byte) (*http.Response, []byte, error) {
	if c.calls == nil || len(body) > maxCall {
		res, err := c.do(ctx, http.MethodPost, messagesPath, body)
		if err != nil {
			return nil, nil, err
		}
		defer res.Body.Close()
		in, err := read(res, answerLimit(res))
		return res, in, err
	}
	res, in, err := c.calls.do(ctx, body)
	switch {
	case err != nil && res != nil && ctx.Err() == nil:
		return nil, nil, fmt.Errorf("http: read the answer of %s: %w", c.base+messagesPath, err)
	case err != nil:
		return nil, nil, c.unasked(ctx, err)
	}
	return res, in, nil
}

// answerLimit is how many bytes of an answer are read.
func answerLimit(res *http.Response) int64 {
	if res.StatusCode != http.StatusOK {
		return maxProblem
	}
	return maxAnswer
}

// get asks for a document.
func (c *Client) get(ctx context.Context, path string, doc any) error {
	res, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return readDocument(res, doc, http.StatusOK)
}

// readDocument decodes the body of res into doc and closes it. Another status than these is an
// error.
func readDocument(res *http.Response, doc any, statuses ...int) error {
	defer res.Body.Close()
	if err := expect(res, statuses...); err != nil {
		return err
	}
	in, err := read(res, maxAnswer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(in, doc); err != nil {
		return fmt.Errorf("http: answer of %s is not understood: %w", res.Request.URL, err)
	}
	return nil
}

// expect returns nil if res has one of these statuses, and else its problem.
func expect(res *http.Response, statuses ...int) error {
	if slices.Contains(statuses, res.StatusCode) {
		return nil
	}
	var p Problem
	return readProblem(res, &p, &p)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	mediaType := ""
	if body != nil {
		mediaType = mediaCBOR
	}
	return c.send(ctx, method, path, mediaType, bytes.NewReader(body))
}

func (c *Client) send(ctx context.Context, method, path, mediaType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("http: API address %q: %w", clip(c.base), err)
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unasked(ctx, err)
	}
	return res, nil
}

// unasked is the error of a request that no node answered.
func (c *Client) unasked(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("http: nothing answers at %s: is the daemon running there, with the mpi plugin? (%w)", c.base, err)
	}
	return fmt.Errorf("http: ask the API: %w", err)
}

// readProblem decodes the body of res into doc, of which p is a part, and returns p.
func readProblem(res *http.Response, p *Problem, doc any) error {
	in, err := read(res, maxProblem)
	if err != nil {
		return err
	}
	return problemOf(res, res.Request.URL.String(), in, p, doc)
}

// problemOf decodes the body of an answer of that URL as readProblem does. If the body is no
// problem document, p is made from the status.
func problemOf(res *http.Response, url string, in []byte, p *Problem, doc any) error {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if kind == "application/problem+json" {
		if err := json.Unmarshal(in, doc); err == nil && p.Title != "" {
			return p
		}
	}
	*p = Problem{Type: "about:blank", Title: http.StatusText(res.StatusCode), Status: res.StatusCode,
		Detail: fmt.Sprintf("%s answers %s, and not as the mpi API does: %s", url, res.Status, clip(strings.TrimSpace(string(in))))}
	return p
}

func read(res *http.Response, most int64) ([]byte, error) {
	in, err := readUpTo(res.Body, res.ContentLength, most)
	if err != nil {
		return nil, fmt.Errorf("http: read the answer of %s: %w", res.Request.URL, err)
	}
	return in, nil
}

// readUpTo reads a body of at most that many bytes. length is what it is said to have, or negative.
func readUpTo(body io.Reader, length, most int64) ([]byte, error) {
	if length >= 0 && length <= 64<<10 {
		in := make([]byte, length)
		_, err := io.ReadFull(body, in)
		return in, err
	}
	in, err := io.ReadAll(io.LimitReader(body, most+1))
	if err == nil && int64(len(in)) > most {
		err = fmt.Errorf("it is over %d bytes", most)
	}
	return in, err
}
