//go:build !nokubo

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// tokenBytes is how long a token is that this command makes, before it is text.
const tokenBytes = 32

// maxSecret bounds a value from standard input, in bytes.
const maxSecret = 64 << 10

// configToken prints the API's token, which it makes if there is none, or anew.
func (a *app) configToken(ctx context.Context, anew bool) error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	token, _ := s.values["Token"].(string)
	if token == "" || anew {
		raw := make([]byte, tokenBytes)
		rand.Read(raw) // never fails
		token = base64.RawURLEncoding.EncodeToString(raw)
		s.values["Token"] = token
		if err := a.change(ctx, s, []string{"Token"}); err != nil {
			return err
		}
	}
	if err := private(filepath.Join(s.repo, "config")); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, clean(token, false))
	return err
}

// private leaves a file to its owner alone.
func private(file string) error {
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return os.Chmod(file, info.Mode().Perm()&0o700)
}

// given is a value of "config set": what the argument says, or for "-" the first line of standard
// input. Arguments can be read by every user of the machine.
func given(in io.Reader, arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	line, err := bufio.NewReader(io.LimitReader(in, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", usagef("standard input has no value")
	}
	return line, nil
}
