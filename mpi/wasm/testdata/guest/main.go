// Guest is a program for the tests: its first argument says what it does. It is built with
// GOOS=wasip1 GOARCH=wasm.
package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "cat":
		io.Copy(os.Stdout, os.Stdin)
	case "world":
		fmt.Printf("%q %q\n", os.Args, os.Environ())
	case "files":
		files()
	case "sleep":
		d, _ := time.ParseDuration(os.Args[2])
		start := time.Now()
		time.Sleep(d)
		fmt.Println(time.Since(start) >= d)
	case "clock":
		fmt.Println(time.Now().UTC().Year() > 2020, time.Now().Nanosecond()%1000)
	case "random":
		a, b := make([]byte, 32), make([]byte, 32)
		rand.Read(a)
		rand.Read(b)
		fmt.Println(bytes.Equal(a, b))
	case "goroutines":
		sum := make(chan int)
		for i := range 100 {
			go func() { runtime.Gosched(); sum <- i }()
		}
		n := 0
		for range 100 {
			n += <-sum
		}
		fmt.Println(n)
	case "overflow":
		fmt.Println(recurse(1))
	case "memory":
		var keep [][]byte
		for {
			keep = append(keep, bytes.Repeat([]byte{1}, 1<<20))
		}
	case "large":
		keep := make([]byte, 1<<30)
		fmt.Println(len(keep), keep[0])
	case "flood":
		for {
			os.Stdout.WriteString(strings.Repeat("flood ", 1000))
		}
	case "mutter":
		for i := range 100_000 {
			fmt.Fprintln(os.Stderr, "line", i)
		}
	case "loop":
		for {
		}
	case "exit":
		fmt.Fprintln(os.Stderr, "going")
		os.Exit(7)
	case "panic":
		panic("on purpose")
	case "nil":
		var p *int
		fmt.Println(*p)
	}
}

func recurse(n int) int {
	if n == 0 {
		return 0
	}
	return recurse(n+1) + 1
}

// files walks what it was given and tries to change it.
func files() {
	fs.WalkDir(os.DirFS("/"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			fmt.Println(path, err)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			fmt.Println(path, err)
		} else if d.IsDir() {
			fmt.Println(path + "/")
		} else {
			data, err := os.ReadFile("/" + path)
			fmt.Println(path, info.Size(), string(data), err)
		}
		return nil
	})
	relative, err := os.ReadFile("data/text")
	fmt.Println("relative", string(relative), err)
	_, err = os.ReadFile("/nothing")
	fmt.Println("nothing", errors.Is(err, fs.ErrNotExist))
	fmt.Println("write", errors.Is(os.WriteFile("/new", nil, 0o644), syscall.EROFS))
	fmt.Println("remove", errors.Is(os.Remove("/data/text"), syscall.EROFS))
	fmt.Println("mkdir", errors.Is(os.Mkdir("/d", 0o755), syscall.EROFS))
	_, err = os.ReadFile("/../../etc/passwd")
	fmt.Println("outside", errors.Is(err, fs.ErrNotExist))
}
