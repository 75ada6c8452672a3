// Package link is what a daemon and a worker say to each other over their socket: typed frames, as
// bytes and back, and a [Writer] and a [Reader] for them.
//
// # Frames
//
// A frame is
//
//	length uint32 ‖ type byte ‖ payload        length counts the type byte and the payload
//
// Numbers are little-endian and of fixed width: both sides are one machine and one build. A text or
// a list of bytes is a uint32 length and the bytes; the last field of a frame, if it is bytes,
// takes what is left without a length. A flag is a byte, 0 or 1. The constants of [Type] say which
// side sends a frame and when; the struct of the same name has its payload's fields, in order.
//
// # Nobody is trusted
//
// A guest may have taken over its worker, so the daemon reads a worker's frames as a stranger's.
// Each type has a limit that is checked before a byte of the payload is read ([Type.Max]); what is
// large goes in pieces of [MaxData] bytes, packets of ranks in batches of [MaxPackets]. A Parse
// function takes exactly what its Append function gives: nothing is missing, nothing is left over,
// and every count is checked against its limit and the bytes that are there before anything is
// allocated. A [Reader] uses one buffer for all frames.
//
// # Flow
//
// Whatever grows has credit or a limit that was agreed before. Output and files of ranks, standard
// input, and packets from and to each node are sent only as far as the other side's [Credit] goes;
// the credit is that of the job's protocol between nodes (package frame), which the daemon passes
// on. So neither side ever stops to read: a [Ping] is answered at once, whatever guests do. Who is
// sent more than it gave credit for ends the link.
//
// # Who says what
//
//	daemon                              worker
//	                                    Ready       the engine runs; nothing is locked yet
//	Place       what it is for, its limits
//	                                    Placed      the code is open, it is locked down, or why not
//
//	Module…     to a compiler           Compiled, Code…
//
//	Group       to ranks
//	Start                               Output, File, Credit, Packets, Room …
//	Input, Credit, Packets, Load        RankEnded   of each
//	RanksFailed
//
//	Message, MessageIn…  to a handler   Line
//	Cancel                              MessageOut…, Ended
//
//	FileOpened, FileData …              FileOpen, FileRead, FileClose
//	Ping        at any time             Pong        at once
//	Profile     at any time             ProfileData…
//	Stop                                it ends
//
// # Use
//
// A [Writer] is for many goroutines: Send puts a frame into a buffer, and one goroutine, which
// [Writer.Run] is, writes what has gathered since its last write. A frame that is alone is written
// by its sender, as far as the socket takes it without waiting. Frames are not merged: packets
// count for frame.PacketsCost each, which both ends must count alike. A [Reader] is for one
// goroutine; a payload is valid until its next call of Next.
package link
