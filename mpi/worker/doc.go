// Package worker is the daemon's side of workers: the processes in which guests run. It starts
// them, passes frames to and from them, watches them and ends them.
//
// A [Set] starts workers from an [Executable] and keeps one idle, so that a job does not wait for a
// process to start. [Set.Get] hands out a [Worker] and the handler of its frames; package link has
// the frames. A worker is started with one Unix socket, memory that the two share (see
// [link.Shared]), no other descriptor of the daemon's but /dev/null, no environment and no
// arguments. What the daemon itself inherited without close-on-exec is inherited once more; the
// worker closes it when it gives up its rights (package lockdown).
//
// # Programs
//
// A [Runtime] is an [exec.Runtime] over a Set. Compile has a worker compile a module that is not in
// the cache of compiled code. The messages of a program go to one worker, which is started by the
// first of them and ended when none has come for a while. The ranks of a job get a worker of their
// own, by RankGroup. What a worker says is checked as a stranger's: it can name only units, ranks,
// nodes and files that it was given, and send only what it has credit for.
//
// # The end is certain
//
// A worker ends in one of these ways, and [End] says in words which:
//
//   - [Worker.Stop] asks it to end its units and closes the daemon's half of the socket. It is
//     killed when it has not ended within Config.Grace.
//   - [Worker.Kill] ends it at once.
//   - It is killed when it says nothing for Config.Silence after a ping, also while it is stopped
//     by a signal; when it uses more memory than its limit; when it says what no worker says; when
//     it does not read and too much waits for it; when it has closed its socket and goes on.
//   - It crashes, or exits.
//   - The daemon ends. The kernel then kills the worker, because the thread that started it ends
//     (Linux); and the worker sees the end of its socket.
//
// # What the caller owes
//
// A handler does not block: while it runs nothing else is read from that worker. Every worker that
// Get returns is ended by Stop or Kill, or by [Set.Close], which returns when all have ended.
package worker
