package mpi

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRequestCheck(t *testing.T) {
	good := Request{File: "echo", Messages: []Message{{To: "12D3KooWPeer"}}, Expected: 1}
	if err := good.Check(); err != nil {
		t.Errorf("a good request: %v", err)
	}
	for detail, c := range map[string]struct {
		spoil func(*Request)
		code  Code
	}{
		"File is missing":           {func(r *Request) { r.File = "" }, CodeInvalid},
		"Timeout is -1ns":           {func(r *Request) { r.Timeout = -1 }, CodeInvalid},
		"Timeout is 24h0m1s":        {func(r *Request) { r.Timeout = MaxTimeout + time.Second }, CodeInvalid},
		"Expected is -1":            {func(r *Request) { r.Expected = -1 }, CodeInvalid},
		"Expected is 65537":         {func(r *Request) { r.Expected = MaxBatch + 1 }, CodeInvalid},
		"65537 messages":            {func(r *Request) { r.Messages = make([]Message, MaxBatch+1) }, CodeTooLarge},
		"messages[1].To is missing": {func(r *Request) { r.Messages = append(r.Messages, Message{}) }, CodeInvalid},
	} {
		r := good
		c.spoil(&r)
		err := r.Check()
		var e *Error
		if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Msg, detail) {
			t.Errorf("%s: got %v", detail, err)
		}
	}
}
