package cc_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ipfs-mpi/ipfs-mpi/sdk/cc"
)

// A program in C++ with its library: containers, algorithms, streams, and classes with constructors
// before main.
func TestCXXProgram(t *testing.T) {
	tools, err := cc.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if missing := tools.MissingCXX(); missing != nil {
		t.Skipf("C++ needs %s: make deps-cxx installs them", strings.Join(missing, " "))
	}
	source := `
		#include <algorithm>
		#include <iostream>
		#include <map>
		#include <memory>
		#include <mpi.h>
		#include <numeric>
		#include <pthread.h>
		#include <sched.h>
		#include <signal.h>
		#include <string>
		#include <sys/resource.h>
		#include <unistd.h>
		#include <vector>
		struct Early { std::string text = "early"; } early;
		template <typename T> T total(const std::vector<T> &v) { return std::accumulate(v.begin(), v.end(), T()); }
		int main(int argc, char **argv) {
			static_assert(sizeof(MPI_Comm) == 4 && MPI_VERSION == 5, "mpi.h");
			std::vector<double> v{3, 1, 2}; std::sort(v.begin(), v.end());
			std::map<std::string, int> m{{"a", 1}}; auto p = std::make_unique<int>(7); struct rusage u; getrusage(RUSAGE_SELF, &u);
			std::cout << early.text << ' ' << v.front() << ' ' << total(v) << ' ' << m["a"] + *p << ' ' << system(nullptr) << std::endl;
			return 0; }`
	compile(t, map[string]string{"a.cpp": source, "b.c": "int main(void) { return 0; }\n"}, "b.c")
	var said bytes.Buffer
	code, err := cc.Run(t.Context(), []string{"-std=c++17", "-Wall", "a.cpp"}, true, cc.Streams{In: strings.NewReader(""), Out: &said, Err: &said})
	if err != nil || code != 0 {
		t.Fatalf("exit code %d: %v %s", code, err, &said)
	}
	if out := execute(t, "a.wasm"); string(out.Stdout) != "early 1 6 8 0\n" {
		t.Errorf("printed %q (%s %s)", out.Stdout, out.Reason, out.Detail)
	}
}
