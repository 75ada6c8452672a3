package wasi

import "strings"

// Bounds of names, and of those that a program makes the host keep.
const (
	maxDepth     = 256     // names in a path
	maxNodes     = 4096    // files and directories made, and those of Config.Files removed
	maxComponent = 255     // bytes of one name
	maxNames     = 4 << 20 // bytes of all names, each with nameCost
	nameCost     = 256     // bytes that the host takes for one name besides its text
)

// entry is a name in a scratch's tree: of what the program made, of what it removed from the files
// below, or of a directory below with such names in it. It keeps its own name only, so that what is
// above it can be renamed at no cost.
type entry struct {
	name   string
	parent *entry // nil of the root
	kids   map[string]*entry
	node   *node // what the program made; nil for nothing
	hides  bool  // what is below at this name was removed
}

// nameTree is the names of a scratch.
type nameTree struct {
	root  entry
	count int   // of files and directories made, and names removed: at most maxNodes
	bytes int64 // of all names: at most maxNames
}

// depthOf is how many names are in a path.
func depthOf(name string) int {
	if name == "." {
		return 0
	}
	return 1 + strings.Count(name, "/")
}

// full reports whether no more names can be kept.
func (t *nameTree) full() bool { return t.count >= maxNodes }

// find is the entry of a name, or nil. hidden reports whether what is below at that name was
// removed, or a directory above it; within a directory that the program made there is nothing
// below.
func (t *nameTree) find(name string) (e *entry, hidden bool) {
	e = &t.root
	for rest := name; rest != "."; {
		step, more, within := strings.Cut(rest, "/")
		hidden = hidden || e.node != nil
		if e = e.kids[step]; e == nil {
			return nil, hidden
		}
		hidden = hidden || e.hides
		if !within {
			break
		}
		rest = more
	}
	return e, hidden
}

// node is what the program made of that name, or nil.
func (t *nameTree) node(name string) *node {
	if e, _ := t.find(name); e != nil {
		return e.node
	}
	return nil
}

// ensure is the entry of a name, made if there is none. It fails where there is no room for names.
func (t *nameTree) ensure(name string) (*entry, error) {
	e, rest := &t.root, name
	for rest != "" {
		step, more, _ := strings.Cut(rest, "/")
		kid := e.kids[step]
		if kid == nil {
			break
		}
		e, rest = kid, more
	}
	need := int64(len(rest))
	if rest != "" {
		need += nameCost * int64(1+strings.Count(rest, "/"))
	}
	if need > maxNames-t.bytes {
		return nil, errNoSpace
	}
	for rest != "" {
		step, more, _ := strings.Cut(rest, "/")
		kid := &entry{name: strings.Clone(step), parent: e}
		if e.kids == nil {
			e.kids = map[string]*entry{}
		}
		e.kids[kid.name] = kid
		t.bytes += kid.cost()
		e, rest = kid, more
	}
	return e, nil
}

func (e *entry) cost() int64 { return int64(len(e.name)) + nameCost }

// prune forgets an entry that says nothing any more, and those above it.
func (t *nameTree) prune(e *entry) {
	for e.parent != nil && e.node == nil && !e.hides && len(e.kids) == 0 {
		up := e.parent
		delete(up.kids, e.name)
		if len(up.kids) == 0 {
			up.kids = nil // a map keeps the room that it once had
		}
		t.bytes -= e.cost()
		e = up
	}
}

// put sets what the program made at an entry.
func (t *nameTree) put(e *entry, n *node) {
	e.node = n
	t.count++
}

// take takes away what the program made at an entry. hide says that there is something below at
// that name, which was removed.
func (t *nameTree) take(e *entry, hide bool) {
	if e.node != nil {
		e.node = nil
		t.count--
	}
	if hide && !e.hides {
		e.hides = true
		t.count++
	}
	if e.hides {
		t.clear(e)
	}
	t.prune(e)
}

// clear forgets what was removed from within a directory that is removed itself.
func (t *nameTree) clear(e *entry) {
	for _, kid := range e.kids {
		t.clear(kid)
		t.bytes -= kid.cost()
		if kid.hides {
			t.count--
		}
	}
	e.kids = nil
}

// move moves what the program made, with all within it, to an entry that has nothing.
func (t *nameTree) move(from, to *entry, hide bool) {
	to.node, to.kids = from.node, from.kids
	from.kids = nil
	for _, kid := range to.kids {
		kid.parent = to
	}
	t.count++
	t.take(from, hide)
}

// extent is how many bytes the longest path within an entry has, beginning with its slash, and how
// many names the deepest one.
func (e *entry) extent() (bytes, depth int) {
	for _, kid := range e.kids {
		b, d := kid.extent()
		bytes, depth = max(bytes, 1+len(kid.name)+b), max(depth, 1+d)
	}
	return bytes, depth
}

// each calls do for all that the program made within an entry of that name.
func (e *entry) each(name string, do func(name string, n *node)) {
	if e.node != nil {
		do(name, e.node)
	}
	for _, kid := range e.kids {
		kid.each(within(name, kid.name), do)
	}
}
