package rendezvous

import (
	"fmt"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

// Peers of other versions are noticed when they connect, on both sides, by the protocols that
// libp2p's identify lists. A family is the protocols that differ in their version alone. A peer
// that has none of ours in a family, and another one of it, cannot work with this node there.

// maxOtherVersions is how many such peers are remembered, and named in the log, while connected.
const maxOtherVersions = 256

// maxProtocolText is how many bytes of a peer's protocol are shown.
const maxProtocolText = 64

// family is a protocol without its version, with the slash before that.
func family(id protocol.ID) string { return string(id[:strings.LastIndexByte(string(id), '/')+1]) }

// project is what the protocols of a project begin with: "/ipfs-mpi/" of "/ipfs-mpi/pool/1.0.0".
func project(id string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(id, "/"), "/")
	return "/" + name + "/"
}

// mismatch says in which family a peer speaks no version of ours, for people; empty for none.
func mismatch(ours, theirs []protocol.ID) string {
	families := map[string][]protocol.ID{}
	for _, id := range ours {
		families[family(id)] = append(families[family(id)], id)
	}
	var list []string
	for f, mine := range families {
		var other protocol.ID
		for _, id := range theirs {
			if slices.Contains(mine, id) {
				other = ""
				break
			}
			if family(id) == f {
				other = id
			}
		}
		if other != "" {
			text := mpi.Printable(string(other[:min(len(other), maxProtocolText)]), false)
			list = append(list, fmt.Sprintf("it speaks %s, and this node %s", text, slices.MaxFunc(mine, compareIDs)))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}

func compareIDs(a, b protocol.ID) int { return strings.Compare(string(a), string(b)) }

// compare notes whether a peer that is connected speaks other versions. The log has it once for
// each connection.
func (s *Service) compare(id peer.ID) {
	why := ""
	if s.cfg.Host.Network().Connectedness(id) != network.NotConnected {
		ours := slices.DeleteFunc(slices.Clone(s.cfg.Host.Mux().Protocols()), func(p protocol.ID) bool {
			return !strings.HasPrefix(string(p), s.project)
		})
		if theirs, err := s.cfg.Host.Peerstore().GetProtocols(id); err == nil {
			why = mismatch(ours, theirs)
		}
	}
	name := mpi.PeerID(id.String())
	s.mu.Lock()
	was := s.others[name]
	switch {
	case why == "":
		delete(s.others, name)
	case was != "" || len(s.others) < maxOtherVersions:
		s.others[name] = why
	default:
		why = was
	}
	s.mu.Unlock()
	if why != was && why != "" {
		s.log.Warn("a peer speaks another version of ipfs-mpi, and cannot work with this node until one of the two is updated",
			"peer", name, "versions", why)
	}
}

// OtherVersions are the connected peers that speak other versions, sorted by ID.
func (s *Service) OtherVersions() []mpi.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]mpi.Member, 0, len(s.others))
	for id, why := range s.others {
		list = append(list, mpi.Member{Peer: id, Serves: []mpi.Interpreter{}, OtherVersion: why})
	}
	slices.SortFunc(list, func(a, b mpi.Member) int { return strings.Compare(string(a.Peer), string(b.Peer)) })
	return list
}
