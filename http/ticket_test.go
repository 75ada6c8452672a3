package http

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A ticket lets a page read a job's events without a header, and nothing else.
func TestTicket(t *testing.T) {
	n, s, _ := start(t, Config{Token: "sesame"})
	n.happen(job1, out(0, "hello\n"))
	const bearer = "Authorization: Bearer sesame\r\n"
	res, body := raw(t, s, post(ticketsPath, "", ""))
	wantProblem(t, res, body, 401, codeUnauthorized)
	if !strings.Contains(body, "Authorization: Bearer") || !strings.Contains(body, "IPFS_MPI_TOKEN") {
		t.Errorf("it does not say how to give a token: %s", body)
	}
	res, body = raw(t, s, post(ticketsPath, bearer, ""))
	var ticket Ticket
	if err := json.Unmarshal([]byte(body), &ticket); err != nil || res.StatusCode != 200 {
		t.Fatalf("%s: %s", res.Status, body)
	}
	if left := time.Until(ticket.Expires); left <= 0 || left > ticketTime {
		t.Errorf("it is good for %v", left)
	}
	query := "?ticket=" + ticket.Ticket
	for path, status := range map[string]int{
		jobsPath + "/" + job1 + query:                      200,
		jobsPath + "/" + job1 + "/logs" + query:            200,
		jobsPath + "/" + job1 + "/files" + query:           200,
		jobsPath + query:                                   401,
		"/v1/node" + query:                                 401,
		jobsPath + "/" + job1:                              401,
		jobsPath + "/" + job1 + "?ticket=AAAA":             401,
		jobsPath + "/" + job1 + query[:len(query)-1] + "!": 401,
	} {
		if res, body := raw(t, s, get(path, "")); res.StatusCode != status {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
	res, body = raw(t, s, strings.Replace(get(jobsPath+"/"+job1+query, ""), "GET", "DELETE", 1))
	wantProblem(t, res, body, 401, codeUnauthorized)
	if got := res.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
		t.Errorf("WWW-Authenticate %q", got) // RFC 9110, section 15.5.2
	}
	late := s.guard.tickets.at(time.Now().Add(-2 * time.Second))
	res, body = raw(t, s, get(jobsPath+"/"+job1+"?ticket="+late, ""))
	wantProblem(t, res, body, 401, codeUnauthorized)
	_, other, _ := start(t, Config{Token: "sesame"})
	res, body = raw(t, other, get(jobsPath+"/"+job1+query, ""))
	wantProblem(t, res, body, 401, codeUnauthorized)
}

func TestJobsOfAState(t *testing.T) {
	n, s, _ := start(t, Config{})
	for range 3 {
		res, body := raw(t, s, post(jobsPath, "", `{"file":"pi","ranks":1}`))
		if res.StatusCode != http.StatusCreated {
			t.Fatal(res.Status, body)
		}
	}
	n.happen(job1, state("running"))
	n.happen("37c3e9a4", state("running"))
	for query, want := range map[string]string{
		"":                          "47c3e9a4 37c3e9a4 27c3e9a4 17c3e9a4",
		"?limit=2":                  "47c3e9a4 37c3e9a4",
		"?state=running":            "37c3e9a4 17c3e9a4",
		"?state=running&limit=1":    "37c3e9a4",
		"?state=done":               "",
		"?state=running,finding":    "47c3e9a4 37c3e9a4 27c3e9a4 17c3e9a4",
		"?state=done&state=finding": "47c3e9a4 27c3e9a4",
		"?state=&limit=9":           "47c3e9a4 37c3e9a4 27c3e9a4 17c3e9a4",
	} {
		res, body := raw(t, s, get(jobsPath+query, ""))
		var list Jobs
		if err := json.Unmarshal([]byte(body), &list); err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %s %s", query, res.Status, body)
		}
		var ids []string
		for _, job := range list.Jobs {
			ids = append(ids, job.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=-1", "?limit=x", "?limit=", "?state=ran"} {
		res, body := raw(t, s, get(jobsPath+query, ""))
		wantProblem(t, res, body, 400, "invalid")
	}
}
