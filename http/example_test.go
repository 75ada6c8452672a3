package http_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	api "github.com/ipfs-mpi/ipfs-mpi/http"
	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// alone is a node of one program, echo/1.0.0, which it runs itself. Whatever else the API offers,
// it has not; a daemon's node is made by package mpi/node.
type alone struct{ api.Node }

func (alone) Self() mpi.PeerID { return "12D3KooWSelf" }

func (n alone) Do(_ context.Context, r mpi.Request) (mpi.Result, error) {
	if err := r.Check(); err != nil {
		return mpi.Result{}, err
	}
	if r.File != "echo/1.0.0" {
		return mpi.Result{}, &mpi.Error{
			Code: mpi.CodeNotFound, Msg: fmt.Sprintf("no interpreter %q is known here", r.File), Near: []string{"echo/1.0.0"},
		}
	}
	res := mpi.Result{Pid: r.Pid}
	for _, m := range r.Messages {
		res.Messages = append(res.Messages, mpi.Message{Pid: r.Pid, To: n.Self(), From: m.To, Data: m.Data})
	}
	return res, nil
}

// serve starts a server of the node on a free port.
func serve() *api.Server {
	server := api.New(alone{}, api.Config{Listen: "127.0.0.1:0"})
	if err := server.Start(); err != nil {
		log.Fatal(err)
	}
	return server
}

// Send passes messages to the interpreters of other peers, and returns what they answer.
func ExampleClient_Send() {
	server := serve()
	defer server.Close(context.Background())

	client := api.NewClient(server.Addr(), "") // with a daemon: the API that Discover finds
	defer client.Close()
	res, err := client.Send(context.Background(), mpi.Request{
		File:     "echo/1.0.0",
		Pid:      11,
		Expected: 2,
		Messages: []mpi.Message{
			{To: "12D3KooWSelf", Data: mpi.Bytes("hello")},
			{To: "12D3KooWSelf", Data: mpi.Bytes("again")},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range res.Messages {
		fmt.Printf("%s answers %q\n", m.From, m.Data)
	}
	// Output:
	// 12D3KooWSelf answers "hello"
	// 12D3KooWSelf answers "again"
}

// An error of the node is a Problem, with a code that programs can compare.
func ExampleClient_Send_problem() {
	server := serve()
	defer server.Close(context.Background())

	client := api.NewClient(server.Addr(), "")
	defer client.Close()
	_, err := client.Send(context.Background(), mpi.Request{
		File: "ecko", Messages: []mpi.Message{{To: "12D3KooWSelf"}}, Expected: 1,
	})
	var problem *api.Problem
	if errors.As(err, &problem) && problem.Code() == mpi.CodeNotFound {
		fmt.Println(problem.Status, problem.Detail)
		fmt.Println("near it:", problem.Near)
	}
	// Output:
	// 404 no interpreter "ecko" is known here
	// near it: [echo/1.0.0]
}

// Health needs no token: it says only that the API answers.
func ExampleClient_Health() {
	server := serve()
	defer server.Close(context.Background())

	client := api.NewClient(server.Addr(), "")
	defer client.Close()
	fmt.Println(client.Health(context.Background()))
	// Output: <nil>
}

// Any HTTP client will do. This is the contract of POST /, in JSON.
func ExampleServer() {
	server := serve()
	defer server.Close(context.Background())

	body := `{"Pid": 1, "messages": [{"Pid": 1, "To": "12D3KooWSelf", "Data": [7]}]}`
	req, err := http.NewRequest(http.MethodPost, server.Addr(), strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("File", "echo/1.0.0")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", answer)
	// Output: {"Pid":1,"messages":[{"Pid":1,"To":"12D3KooWSelf","From":"12D3KooWSelf","Data":[7]}]}
}
