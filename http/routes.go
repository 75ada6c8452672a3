package http

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/ipfs-mpi/ipfs-mpi/mpi"
)

const (
	healthPath   = "/healthz"
	messagesPath = "/v1/messages"
)

// handler answers a request, or returns the error to answer with.
type handler func(w http.ResponseWriter, r *http.Request) error

// methods are the handlers of one path. GET serves HEAD as well.
type methods map[string]handler

// routes is the whole of the API.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for path, m := range map[string]methods{
		"/{$}":                                {"POST": s.seedPost, "GET": s.seedGet},
		"/v1/node":                            {"GET": s.v1Node},
		"/v1/interpreters":                    {"GET": s.v1Interpreters},
		"/v1/interpreters/{cid}/crashes":      {"DELETE": s.v1CrashesDelete},
		"/v1/pools/{name}":                    {"GET": s.v1Pool},
		"/v1/pools/{name}/{version}":          {"GET": s.v1Pool},
		"/v1/peers":                           {"GET": s.v1Peers},
		workersPath:                           {"GET": s.v1Workers},
		workersPath + "/{id}/pprof/{profile}": {"GET": s.v1WorkerProfile},
		"/v1/messages":                        {"POST": s.v1Messages},
		"/v1/programs":                        {"POST": s.v1Programs},
		jobsPath:                              {"GET": s.v1JobsGet, "POST": s.v1JobsPost},
		jobsPath + "/{id}":                    {"GET": s.v1JobGet, "DELETE": s.v1JobDelete},
		jobsPath + "/{id}/events":             {"GET": s.v1JobEvents},
		jobsPath + "/{id}/logs":               {"GET": s.v1JobLogs},
		jobsPath + "/{id}/stdin":              {"POST": s.v1JobStdin},
		jobsPath + "/{id}/files":              {"GET": s.v1JobFiles},
		jobsPath + "/{id}/files/{name...}":    {"GET": s.v1JobFile},
		hostedPath:                            {"GET": s.v1Hosted},
		hostedPath + "/{id}":                  {"DELETE": s.v1HostedDelete},
		ticketsPath:                           {"POST": s.v1TicketsPost},
		healthPath:                            {"GET": s.health},
	} {
		mux.HandleFunc(path, s.dispatch(m))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, errNoPath(r.URL.Path))
	})
	return mux
}

// checkTarget refuses targets that the mux would answer itself, with redirections to the path that
// it takes them for, or without saying why.
func checkTarget(w http.ResponseWriter, r *http.Request) error {
	switch u := r.URL; {
	case u.User != nil || u.Scheme != "" && u.Scheme != "http":
		return mpi.Errorf(mpi.CodeInvalid, "the target of the request must be a path, or a URL with http:// and without a user")
	case r.Method == http.MethodConnect:
		return errMethod(w, r, "DELETE, GET, HEAD, POST")
	default:
		// An encoded slash or dot is a part of a name, and the business of who is asked for it.
		p := u.EscapedPath()
		if p != "/" && (!strings.HasPrefix(p, "/") || path.Clean(p) != strings.TrimSuffix(p, "/")) {
			return errNoPath(u.Path)
		}
	}
	return nil
}

func errNoPath(path string) error {
	return mpi.Errorf(codeNoPath, "the API has no path %q: POST messages to / or /v1/messages", path)
}

func (s *Server) dispatch(m methods) http.HandlerFunc {
	var allow []string
	for method := range m {
		allow = append(allow, method)
		if method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	allowed := strings.Join(allow, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		h, ok := m[method]
		if !ok {
			s.fail(w, r, errMethod(w, r, allowed))
			return
		}
		// a body means nothing, and hides a hang-up while it is not read
		if method != http.MethodPost {
			if err := s.drain(w, r, 1<<20); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

func errMethod(w http.ResponseWriter, r *http.Request, allowed string) error {
	w.Header().Set("Allow", allowed)
	return mpi.Errorf(codeMethod, "%s does not take %s: use %s", r.URL.Path, r.Method, allowed)
}
