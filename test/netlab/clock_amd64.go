//go:build linux

package netlab

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// JumpClock sets the wall clock of a process by so much ahead of the machine's, or behind it: all
// at once, whatever an earlier jump was. Only what the process reads with clock_gettime through the
// vDSO changes, as every time.Now of a Go program is read; its children keep the machine's clock.
//
// The process is stopped for a moment, with SIGSTOP and SIGCONT.
func JumpClock(pid int, ahead time.Duration) error {
	if err := jumpClock(pid, ahead); err != nil {
		return fmt.Errorf("netlab: setting the clock of process %d: %w", pid, err)
	}
	return nil
}

// fakeClock takes the place of the vDSO's clock_gettime:
//
//	mov $228, %eax; syscall             // clock_gettime
//	test %edi, %edi; jne 1f             // CLOCK_REALTIME is 0
//	mov 2f(%rip), %rcx; add %rcx, (%rsi)
//	1: ret
//	2: .quad seconds
var fakeClock = []byte{
	0xB8, 228, 0, 0, 0, 0x0F, 0x05, 0x85, 0xFF, 0x75, 10,
	0x48, 0x8B, 0x0D, 4, 0, 0, 0, 0x48, 0x01, 0x0E, 0xC3,
}

const jumpSize = 5 // bytes of a jmp with a distance of 32 bits

func jumpClock(pid int, ahead time.Duration) error {
	begin, end, err := vdso(pid)
	if err != nil {
		return err
	}
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	image := make([]byte, end-begin)
	if _, err := mem.ReadAt(image, int64(begin)); err != nil {
		return err
	}
	entry, err := clockEntry(image)
	if err != nil {
		return err
	}
	seconds := binary.LittleEndian.AppendUint64(nil, uint64(int64(ahead/time.Second)))
	// Behind the image are zeros up to the end of its last page.
	place := (len(bytes.TrimRight(image, "\x00")) + 64) &^ 15
	if at := bytes.Index(image, fakeClock); at >= 0 {
		_, err := mem.WriteAt(seconds, int64(begin)+int64(at+len(fakeClock)))
		return err
	}
	if place+len(fakeClock)+len(seconds) > len(image) {
		return errors.New("the vDSO has no room left")
	}
	code := append(append([]byte(nil), fakeClock...), seconds...)
	if _, err := mem.WriteAt(code, int64(begin)+int64(place)); err != nil {
		return err
	}
	jump := binary.LittleEndian.AppendUint32([]byte{0xE9}, uint32(place-entry-jumpSize))
	return stopped(pid, begin+uint64(entry), func() error {
		_, err := mem.WriteAt(jump, int64(begin)+int64(entry))
		return err
	})
}

// vdso is where the kernel's code is in a process's memory.
func vdso(pid int) (begin, end uint64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[vdso]") {
			_, err := fmt.Sscanf(line, "%x-%x", &begin, &end)
			return begin, end, err
		}
	}
	return 0, 0, errors.New("it has no vDSO")
}

func clockEntry(image []byte) (int, error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, err
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return 0, err
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return int(s.Value), nil
		}
	}
	return 0, errors.New("its vDSO has no clock_gettime")
}

// stopped runs f while the process is stopped and none of its threads is about to execute what is
// written to entry.
func stopped(pid int, entry uint64, f func() error) error {
	for range 100 {
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			return err
		}
		clear, err := clearOf(pid, entry)
		if clear && err == nil {
			err = f()
		}
		if err := unix.Kill(pid, unix.SIGCONT); err != nil {
			return err
		}
		if clear || err != nil {
			return err
		}
	}
	return errors.New("its threads do not stop")
}

// clearOf reports whether all threads are stopped, or wait in the kernel, and none of them within
// the instructions that the jump replaces.
func clearOf(pid int, entry uint64) (bool, error) {
	for range 1000 {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
		if err != nil || len(files) == 0 {
			return false, errors.Join(err, errors.New("it has ended"))
		}
		running := false
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				continue // the thread has ended
			}
			fields := strings.Fields(string(b))
			if len(fields) < 2 { // "running"
				running = true
				break
			}
			pc, err := strconv.ParseUint(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
			if err != nil || pc > entry && pc < entry+jumpSize+8 {
				return false, err
			}
		}
		if !running {
			return true, nil
		}
	}
	return false, nil
}
