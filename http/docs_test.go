package http

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Every example of the API's page is tried: the command as it stands, and the answer as a document.
func TestDocumentedExamples(t *testing.T) {
	page, err := os.ReadFile("../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```sh\n(.*?)```.*?```(json|text)\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) != bytes.Count(page, []byte("```sh\n")) || len(examples) < 10 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, e := range examples {
		command, kind, want := string(e[1]), string(e[2]), string(e[3])
		t.Run(strings.SplitN(command, "\n", 2)[0], func(t *testing.T) {
			s := serve(t, documentedNode(t), Config{})
			_, body := raw(t, s, requestOf(t, command))
			if kind == "json" {
				wantJSON(t, body, want)
			} else if body != want {
				t.Errorf("got\n%s\nwant\n%s", body, want)
			}
		})
	}
}

// documented is a node whose peers are those of the page.
type documented struct{ *fakeNode }

// documentedNode has run one job, that of the page.
func documentedNode(t *testing.T) documented {
	t.Helper()
	n := documented{newFake(t)}
	if _, err := n.StartJob(t.Context(), mpi.JobSpec{File: "pi", Ranks: 2}); err != nil {
		t.Fatal(err)
	}
	cause := &mpi.JobCause{Rank: 1, Peer: peer1, Reason: mpi.Exited, Detail: "exit code 3", Exit: 3}
	n.happen(job1, state(mpi.JobRunning), out(0, "3.141\n"), mpi.JobEvent{Type: "exit", Rank: 1, Exit: 3},
		mpi.JobEvent{Type: "end", State: mpi.JobFailed, Exit: 3, Cause: cause})
	j := n.find(job1)
	j.files = fstest.MapFS{"out/pi.txt": {Data: []byte("3.14\n")}}
	j.job.Files = []mpi.JobFile{{Name: "out/pi.txt", Rank: 1, Size: 5}}
	return n
}

func (n documented) Do(ctx context.Context, r mpi.Request) (mpi.Result, error) {
	if r.File == "echo/1" {
		r.File = "echo/1.0.0"
	}
	for i := range r.Messages {
		if r.Messages[i].To == "12D3KooWGone" {
			r.Messages[i].To = dead
		}
	}
	res, err := n.fakeNode.Do(ctx, r)
	for i := range res.Failures {
		res.Failures[i].To, res.Failures[i].Stderr = "12D3KooWGone", ""
	}
	return res, err
}

func (n documented) Peers(ctx context.Context, fresh bool) ([]mpi.Member, error) {
	list, err := n.fakeNode.Peers(ctx, fresh)
	return list[:2], err
}

// requestOf is what a curl command sends.
func requestOf(t *testing.T, command string) string {
	t.Helper()
	words := regexp.MustCompile(`(?s)'[^']*'|[^\s']+`).FindAllString(command, -1)
	for i, w := range words {
		words[i] = strings.Trim(w, "'")
	}
	method, path, headers, body := "GET", "", "", ""
	for i := 1; i < len(words); i++ {
		switch w := words[i]; w {
		case "-X":
			i++
			method = words[i]
		case "-H":
			i++
			headers += words[i] + "\r\n"
		case "-d":
			i++
			method, body = "POST", words[i]
			headers += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
		default:
			var ok bool
			if path, ok = strings.CutPrefix(w, "http://127.0.0.1:8000"); !ok {
				t.Fatalf("%q in %s", w, command)
			}
		}
	}
	if words[0] != "curl" {
		t.Fatal(command)
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n%s\r\n%s", method, path, headers, body)
}

// The page's tables and the code name the same problems, reasons and limits.
func TestDocumentedWords(t *testing.T) {
	page, err := os.ReadFile("../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| (\\d{3}) \\| `([a-z-]+)` \\|").FindAllSubmatch(page, -1) {
		rows[string(m[2])] = string(m[1])
	}
	for _, c := range []mpi.Code{
		mpi.CodeInvalid, mpi.CodeNotFound, mpi.CodeAmbiguous, mpi.CodeTooLarge, mpi.CodeBusy, mpi.CodeStopping, mpi.CodeTimeout, mpi.CodeFailed,
		mpi.CodeInternal, mpi.CodeUnready, codeForbidden, codeUnauthorized, codeNoPath, codeMethod, codeAccept, codeMedia, codeSlow, codeGuesses,
	} {
		status, title := statusOf(c)
		if rows[string(c)] != strconv.Itoa(status) || title == "" || http.StatusText(status) == "" {
			t.Errorf("%s is %d, and %q on the page", c, status, rows[string(c)])
		}
		delete(rows, string(c))
	}
	if len(rows) > 0 {
		t.Errorf("not in the code: %v", rows)
	}
	for _, r := range []mpi.Reason{
		mpi.Unreachable, mpi.Lost, mpi.Refused, mpi.NotServed, mpi.Busy, mpi.TooLarge, mpi.TimedOut, mpi.Trapped, mpi.Exited, mpi.OutOfMemory,
		mpi.OutputLimit, mpi.BadOutput, mpi.Cancelled, mpi.Gone, mpi.Internal, mpi.Aborted, mpi.NoSlots, mpi.NoAnswer,
	} {
		if !bytes.Contains(page, []byte("| `"+string(r)+"` |")) {
			t.Errorf("reason %s is not on the page", r)
		}
	}
	c := Config{}.withDefaults()
	text := strings.Join(strings.Fields(string(page)), " ") // a paragraph may break anywhere
	for _, limit := range []string{
		fmt.Sprintf("| a body | %d MiB |", c.MaxBody>>20),
		fmt.Sprintf("what waits for followers | %d MiB; beyond it, `busy` |", c.MaxBodies>>20),
		fmt.Sprintf("| the headers | %d KiB, within %.0f s |", c.MaxHeader>>10, c.HeaderTimeout.Seconds()),
		fmt.Sprintf("| a body's time to come | %.0f min", c.BodyTimeout.Minutes()),
		fmt.Sprintf("| messages in a request, elements of any other list | %d |", mpi.MaxBatch),
		fmt.Sprintf("how many, from 1 to %d.", mpi.MaxRanks),
		fmt.Sprintf("at most %d days. Arguments and environment are at most %d each, and %d MiB together.", mpi.MaxJobTime/(24*time.Hour), mpi.MaxJobWords, mpi.MaxJobText>>20),
		fmt.Sprintf("A comment comes every %.0f s", heartbeat.Seconds()),
		fmt.Sprintf("| requests at once | %d |", c.MaxConcurrent),
		fmt.Sprintf("| connections | %d; then the one", 4*c.MaxConcurrent),
		fmt.Sprintf("| a client that does not take its answer | %.0f s without progress |", c.WriteTimeout.Seconds()),
		fmt.Sprintf("| an idle connection | %.0f min |", c.IdleTimeout.Minutes()),
		fmt.Sprintf("| reading the rest of a refused body | %.0f s, %d GiB, %.0f s without progress |",
			maxLinger.Seconds(), maxDiscard>>30, linger.Seconds()),
		fmt.Sprintf("longer than %d KiB, the answer has `Connection: close`", shortRest>>10),
	} {
		if !strings.Contains(text, limit) {
			t.Errorf("the page does not say: %s", limit)
		}
	}
}
