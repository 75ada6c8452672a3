package module

// Bounds on what is kept of custom sections.
const (
	maxBuilt = 16
	maxWords = 100 // bytes
)

// custom reads a custom section of which something is shown.
//
//	"name":       |0|size|the module's name| …
//	"ipfs_mpi.guard": |bytes u32|
//	"producers":  |fields: name, |values: name, version|| …
func (m *Module) custom(name string, r *reader) {
	switch name {
	case "name":
		if id := r.byte(); id == 0 {
			r.u32()
			if s := r.name(); r.err == nil {
				m.Name = clip(s)
			}
		}
	case GuardSection:
		m.guardSection(r)
	case "producers":
		for range r.count(8, "fields") {
			field := r.name()
			for range r.count(64, "values") {
				tool, version := r.name(), r.name()
				if r.err == nil && field == "processed-by" && len(m.Built) < maxBuilt {
					m.Built = append(m.Built, clip(tool+" "+version))
				}
			}
		}
	}
}

func clip(s string) string {
	if len(s) > maxWords {
		s = s[:maxWords] + "…"
	}
	return s
}
