package plugin

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzConfig: no settings break what reads them. Those that are refused are refused with words for
// a terminal; those that are taken are within their limits, whoever wrote them.
func FuzzConfig(f *testing.F) {
	for key, value := range Defaults() {
		text, err := json.Marshal(map[string]any{key: value})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
		for _, v := range []any{nil, "", "x", -1, 1e300, 0.5, true, []any{}, []any{1, "x"}, map[string]any{}, "9EiB", "-1s", "1h", "all", "\x1b[2J"} {
			text, _ := json.Marshal(map[string]any{key: v})
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		var raw any
		if json.Unmarshal([]byte(text), &raw) != nil {
			return
		}
		c, err := ParseConfig(raw)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
				t.Fatalf("%q", err)
			}
			return
		}
		if c.HandlerSlots < 0 || c.RankSlots < 0 || c.Memory <= 0 || c.MaxMemory < c.Memory || c.Timeout <= 0 || c.MaxMessage <= 0 {
			t.Fatalf("%s: %+v", text, c)
		}
	})
}
