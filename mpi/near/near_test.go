package near

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	known := strings.Fields("cc clear cluster daemon files kill logs peers ps run send version run")
	for asked, want := range map[string]string{
		"rnu": "run", "RUN": "run", "rn": "run", "kil": "kill", "lgs": "logs", "verison": "version", "cl": "cc clear",
		"clusters": "cluster", "daemonize": "daemon", "xyzzy": "", "": "", "pss": "ps", strings.Repeat("x", 1000): "",
	} {
		if got := strings.Join(Of(asked, known, 2), " "); got != want {
			t.Errorf("Of(%.20q) = %q, want %q", asked, got, want)
		}
	}
}
