package match

// list is a doubly linked list whose elements have their links in themselves.
type list[T any] struct {
	head *T
	last *links[T]
}

// links are the place of an element in one list.
type links[T any] struct {
	next          *T // the element itself: a walk costs one load for each
	after, before *links[T]
}

// push puts x at the end of the list; at are its links.
func (l *list[T]) push(x *T, at *links[T]) {
	at.next, at.after, at.before = nil, nil, l.last
	if l.last == nil {
		l.head = x
	} else {
		l.last.next, l.last.after = x, at
	}
	l.last = at
}

func (l *list[T]) remove(at *links[T]) {
	if at.before == nil {
		l.head = at.next
	} else {
		at.before.next, at.before.after = at.next, at.after
	}
	if at.after == nil {
		l.last = at.before
	} else {
		at.after.before = at.before
	}
	*at = links[T]{}
}
