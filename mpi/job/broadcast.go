package job

// broadcast tells all who wait that something has changed. The mutex of what changes guards it:
// take next with the mutex held, let go of the mutex, and wait until next is closed.
type broadcast struct{ next chan struct{} }

func newBroadcast() broadcast { return broadcast{make(chan struct{})} }

func (b *broadcast) send() {
	close(b.next)
	b.next = make(chan struct{})
}
