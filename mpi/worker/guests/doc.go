// Package guests is a worker: the process in which guests run. It does what the daemon's frames
// say (package link), and may do nothing else (package lockdown).
//
// # What it is for
//
// [Serve] says Ready and waits for Place, which says once what the process is for:
//
//   - One compilation. It locks itself down, takes the module, and answers with code.
//   - The ranks of one job. It loads the code, locks itself down and runs the group.
//   - The messages of one handler program. It loads the code, locks itself down and runs an
//     instance for each message, of which there may be as many at a time as Place says.
//
// Code is loaded before the lock-down, which leaves no file to open. The engine maps the file, so
// that the pages of code are shared by all workers that run it.
//
// # Goroutines
//
// One goroutine reads frames. It never waits for a guest, for the daemon or for room to write, so
// that a Ping is answered whatever guests do. One goroutine writes. Each unit, compilation and rank
// has its own, which Serve waits for.
//
// # The end
//
// A worker ends with its socket, or when it is stopped. Guests end at their next safepoint. What
// does not end within a moment is given up: the process ends after Serve returns.
package guests
