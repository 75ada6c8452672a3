package process

import (
	"slices"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/mpi/abi"
)

// attr is the value of an attribute of a communicator.
func (g *guest) attr(comm, key int32) (value int32, found bool) {
	g.Helper()
	at := g.ints(-1)
	found = g.out("MPI_Comm_get_attr", comm, key, at) == 1
	return g.getInt(at), found
}

func (g *guest) wantAttr(what string, comm, key, want int32) {
	g.Helper()
	if v, ok := g.attr(comm, key); !ok || v != want {
		g.Errorf("%s: %d %v, not %d", what, v, ok, want)
	}
}

func (g *guest) wantNoAttr(what string, comm, key int32) {
	g.Helper()
	if v, ok := g.attr(comm, key); ok {
		g.Errorf("%s: %d, where there is none", what, v)
	}
}

// MPI 5.0, 9.1.2: the value is the address of an int.
func TestPredefinedAttributes(t *testing.T) {
	for _, nodes := range [][]int{{0, 0, 0}, {0, 1, 0}} {
		jobOn(t, nodes, func(g *guest) {
			for _, comm := range []int32{abi.CommWorld, g.out("MPI_Comm_dup", abi.CommWorld)} {
				for key, want := range map[int32]int32{
					abi.TagUb: 1<<31 - 1, abi.Host: abi.ProcNull, abi.Io: abi.AnySource,
					abi.WtimeIsGlobal: int32(b2i(nodes[1] == 0)), abi.UniverseSize: 3, abi.Appnum: 0, abi.Lastusedcode: abi.ErrLastcode,
				} {
					at, ok := g.attr(comm, key)
					if !ok {
						t.Errorf("no attribute %d", key)
					} else if v := g.getInt(uint32(at)); v != want {
						t.Errorf("attribute %d is %d, not %d", key, v, want)
					}
				}
			}
			at := g.ints(0)
			g.check("MPI_Attr_get", g.out("MPI_Attr_get", abi.CommWorld, abi.TagUb, at), 1)
			if g.getInt(uint32(g.getInt(at))) < 32767 {
				t.Error("MPI 5.0, 9.1.2: MPI_TAG_UB is at least 32767")
			}
			g.returning()
			g.want(abi.ErrKeyval, "MPI_Comm_set_attr", abi.CommWorld, abi.TagUb, 5)
			g.want(abi.ErrKeyval, "MPI_Comm_delete_attr", abi.CommWorld, abi.UniverseSize)
			g.want(abi.ErrKeyval, "MPI_Comm_free_keyval", g.ints(abi.TagUb))
		})
	}
}

func TestAttributes(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		type event struct {
			what  string
			key   int32
			value uint64
		}
		var events []event
		fails := false
		copyFn := func(a ...uint64) uint64 { // comm, key, extra, in, out, flag
			events = append(events, event{"copy", int32(a[1]), a[3]})
			if a[2] != 77 {
				t.Errorf("extra state %d", a[2])
			}
			if fails {
				return abi.ErrOther
			}
			put := g.ints(int32(a[3])+1, 1)
			copy(g.mem[a[4]:a[4]+4], g.mem[put:put+4])
			copy(g.mem[a[5]:a[5]+4], g.mem[put+4:put+8])
			return abi.Success
		}
		deleteFn := func(a ...uint64) uint64 { // comm, key, value, extra
			events = append(events, event{"delete", int32(a[1]), a[2]})
			if a[3] != 77 {
				t.Errorf("extra state %d", a[3])
			}
			if fails {
				return abi.ErrIntern
			}
			return abi.Success
		}
		wantEvents := func(what string, want ...event) {
			t.Helper()
			if !slices.Equal(events, want) {
				t.Errorf("%s: %v, not %v", what, events, want)
			}
			events = nil
		}
		keyval := func(name string, c, d any) int32 {
			at := g.ints(0)
			g.must(name, c, d, at, 77)
			return g.getInt(at)
		}
		key := keyval("MPI_Comm_create_keyval", copyFn, deleteFn)
		dupKey := keyval("MPI_Comm_create_keyval", abi.CommDupFn, abi.CommNullDeleteFn)
		nullKey := keyval("MPI_Keyval_create", abi.NullCopyFn, abi.NullDeleteFn)

		comm := g.out("MPI_Comm_dup", abi.CommWorld)
		g.wantNoAttr("not set", comm, key)
		g.must("MPI_Comm_set_attr", comm, key, 10)
		g.must("MPI_Comm_set_attr", comm, dupKey, 20)
		g.must("MPI_Attr_put", comm, nullKey, 30)
		wantEvents("set")
		g.wantAttr("set", comm, key, 10)
		// MPI 5.0, 7.7.2: setting it again deletes the old value first.
		g.must("MPI_Comm_set_attr", comm, key, 11)
		wantEvents("set again", event{"delete", key, 10})

		// MPI 5.0, 7.7.2: the copy functions decide which attributes a duplicate has.
		dup := g.out("MPI_Comm_dup", comm)
		wantEvents("dup", event{"copy", key, 11})
		g.wantAttr("copied", dup, key, 12)
		g.wantAttr("copied by MPI_COMM_DUP_FN", dup, dupKey, 20)
		g.wantNoAttr("not copied by MPI_COMM_NULL_COPY_FN", dup, nullKey)
		g.must("MPI_Comm_free", g.ints(dup))
		wantEvents("free", event{"delete", key, 12})

		// MPI 5.0, 7.7.2: an error of a copy function is returned by MPI_Comm_dup, one of a delete
		// function by the call that called it.
		fails = true
		g.must("MPI_Comm_set_errhandler", comm, abi.ErrorsReturn)
		g.want(abi.ErrOther, "MPI_Comm_dup", comm, g.alloc(4))
		g.want(abi.ErrIntern, "MPI_Comm_delete_attr", comm, key)
		g.want(abi.ErrIntern, "MPI_Comm_set_attr", comm, key, 5)
		g.want(abi.ErrIntern, "MPI_Comm_free", g.ints(comm))
		g.wantAttr("not deleted", comm, key, 11)
		fails, events = false, nil

		g.must("MPI_Comm_delete_attr", comm, key)
		wantEvents("deleted", event{"delete", key, 11})
		g.wantNoAttr("deleted", comm, key)
		g.want(abi.ErrKeyval, "MPI_Attr_delete", comm, key)

		// MPI 5.0, 7.7.2: a freed key exists until its last attribute is deleted.
		g.must("MPI_Comm_set_attr", comm, key, 40)
		h := g.ints(key)
		g.must("MPI_Comm_free_keyval", h)
		g.check("freed", g.getInt(h), abi.KeyvalInvalid)
		other := keyval("MPI_Comm_create_keyval", copyFn, deleteFn)
		if other == key {
			t.Error("the key is used again though an attribute has it")
		}
		g.must("MPI_Comm_free", g.ints(g.out("MPI_Comm_dup", comm)))
		wantEvents("with a freed key", event{"copy", key, 40}, event{"delete", key, 41})
		g.must("MPI_Comm_free", g.ints(comm))
		wantEvents("with a freed key", event{"delete", key, 40})
		g.want(abi.ErrKeyval, "MPI_Comm_set_attr", abi.CommWorld, key, 1)
		g.want(abi.ErrKeyval, "MPI_Comm_set_attr", abi.CommWorld, abi.KeyvalInvalid, 1)

		// MPI 5.0, 7.7: a key is for one kind of object.
		typeKey := keyval("MPI_Type_create_keyval", abi.TypeDupFn, deleteFn)
		g.want(abi.ErrKeyval, "MPI_Comm_set_attr", abi.CommWorld, typeKey, 1)
		g.want(abi.ErrKeyval, "MPI_Type_set_attr", abi.Int, other, 1)
		g.want(abi.ErrKeyval, "MPI_Comm_free_keyval", g.ints(typeKey))
		kind := g.out("MPI_Type_contiguous", 3, abi.Int)
		g.must("MPI_Type_set_attr", kind, typeKey, 50)
		copied := g.out("MPI_Type_dup", kind)
		at := g.ints(0)
		g.check("found", g.out("MPI_Type_get_attr", copied, typeKey, at), 1)
		g.check("value", g.getInt(at), 50)
		g.must("MPI_Type_delete_attr", copied, typeKey)
		g.check("found", g.out("MPI_Type_get_attr", copied, typeKey, at), 0)
		wantEvents("type", event{"delete", typeKey, 50})
		g.must("MPI_Type_free", g.ints(kind))
		wantEvents("type freed", event{"delete", typeKey, 50})
	})
}

// MPI 5.0, 11.2.4: MPI_Finalize deletes the attributes of MPI_COMM_SELF first, in reverse order,
// while MPI still works.
func TestFinalizeDeletesAttributes(t *testing.T) {
	var order []uint64
	errs := jobErrs(t, []int{0}, func(g *guest) {
		g.must("MPI_Init", 0, 0)
		deleteFn := func(a ...uint64) uint64 {
			order = append(order, a[2])
			g.check("finalized", g.out("MPI_Finalized"), 0)
			g.check("size", g.out("MPI_Comm_size", abi.CommWorld), 1)
			return 0
		}
		for i := range 3 {
			at := g.ints(0)
			g.must("MPI_Comm_create_keyval", abi.CommNullCopyFn, deleteFn, at, 0)
			g.must("MPI_Comm_set_attr", abi.CommSelf, g.getInt(at), i)
		}
		g.must("MPI_Finalize")
	})
	if errs[0] != nil || !slices.Equal(order, []uint64{2, 1, 0}) {
		t.Errorf("deleted %v, %v", order, errs[0])
	}
}

// Callbacks may do anything to the object that they are called for.
func TestAttributeCallbacksThatMeddle(t *testing.T) {
	job(t, 1, func(g *guest) {
		g.returning()
		var comm, key int32
		var during func()
		deleteFn := func(...uint64) uint64 {
			if f := during; f != nil {
				during = nil
				f()
			}
			return 0
		}
		at := g.ints(0)
		g.must("MPI_Comm_create_keyval", func(...uint64) uint64 {
			g.call("MPI_Comm_delete_attr", comm, key)
			return 0
		}, deleteFn, at, 0)
		key = g.getInt(at)
		for _, f := range []func(){
			func() { g.call("MPI_Comm_free", g.ints(comm)) },
			func() { g.call("MPI_Comm_set_attr", comm, key, 7) },
			func() { g.call("MPI_Comm_delete_attr", comm, key) },
			func() { g.call("MPI_Comm_free_keyval", g.ints(key)) },
		} {
			comm = g.out("MPI_Comm_dup", abi.CommWorld)
			g.must("MPI_Comm_set_errhandler", comm, abi.ErrorsReturn)
			g.must("MPI_Comm_set_attr", comm, key, 5)
			during = f
			g.call("MPI_Comm_set_attr", comm, key, 6)
			during = f
			g.call("MPI_Comm_free", g.ints(comm))
			during = nil
		}
		comm = g.out("MPI_Comm_dup", abi.CommWorld)
		g.call("MPI_Comm_set_attr", comm, key, 5)
		g.call("MPI_Comm_dup", comm, g.alloc(4))
		g.call("MPI_Comm_free", g.ints(comm))
	})
}
