//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Commands in README.md and docs/ are run as they stand, page by page, from top to bottom, in an
// empty directory, with a cluster of three nodes of the example store.
//
//   - A block of the language "console" is run: lines that begin with "$ " are commands, what
//     follows them is their output: standard output, and if they fail standard error too. "…" there
//     stands for any text, and alone on a line for any lines. A command may fail if the next one is
//     "echo $?".
//   - A comment "<!-- run: COMMANDS -->" is run too: what a page takes for granted.
//   - A comment "<!-- file: NAME -->" before a block writes it to a file.
//   - A comment "<!-- not run: WHY -->" is before a block of commands that is not run.
//
// Commands find the checkout as $IPFS_MPI, and a stock ipfs. For localhost:8000 and 12D3KooW… they
// get the address of the first node's API and the peer ID of the second node.

var documents = []string{"README.md", "docs/class.md", "docs/cli.md", "docs/config.md", "docs/interpreters.md", "docs/jobs.md", "docs/sdk.md", "docs/store.md", "docs/troubleshooting.md"}

func TestDocumentedCommands(t *testing.T) {
	nodes := cluster(t, 3)
	for _, name := range documents {
		t.Run(name, func(t *testing.T) {
			page := parsePage(t, readFile(t, built(name)))
			page.run(t, nodes)
		})
	}
}

// What looks like commands is run, or says why it is not.
func TestEveryCommandIsRun(t *testing.T) {
	pages, err := filepath.Glob(built("docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	tried := func(file string) bool {
		for _, name := range documents {
			if built(name) == file {
				return true
			}
		}
		return false
	}
	elsewhere := map[string]bool{built("docs", "http-api.md"): true} // by a test of package http
	for _, file := range append(pages, built("README.md")) {
		if elsewhere[file] {
			continue
		}
		for _, b := range blocks(readFile(t, file)) {
			switch {
			case !commands.MatchString(b.text) && b.language != "console" && b.language != "sh":
			case strings.HasPrefix(b.comment, "not run: ") && b.language != "console":
			case (b.language == "console" || strings.HasPrefix(b.comment, "file: ")) && tried(file):
			default:
				t.Errorf("%s: this is run by no test, and does not say why:\n%s", file, b.text)
			}
		}
	}
}

// commands is what a block of commands has.
var commands = regexp.MustCompile(`(?m)^(\$ |(ipfs|ipfs-mpi|bin/ipfs-mpi|make|go|curl|\./main) )`)

// block is a fenced block of a page, with the comment that is right before it, or a comment alone.
type block struct {
	language, text, comment string
}

var blockPattern = regexp.MustCompile("(?sm)^<!-- (.*?) -->\n|^```(\\w*)\n(.*?)^```\n")

// blocks returns the blocks of a page outside of its generated part.
func blocks(page string) (list []block) {
	if head, rest, ok := strings.Cut(page, "<!-- help texts"); ok {
		_, tail, _ := strings.Cut(rest, "<!-- end of help texts -->")
		page = head + tail
	}
	comment, end := "", 0
	for _, at := range blockPattern.FindAllStringSubmatchIndex(page, -1) {
		between := strings.TrimSpace(page[end:at[0]])
		if end = at[1]; between != "" {
			comment = ""
		}
		if at[2] >= 0 {
			comment = page[at[2]:at[3]]
			list = append(list, block{comment: comment})
			continue
		}
		list = append(list, block{language: page[at[4]:at[5]], text: page[at[6]:at[7]], comment: comment})
		comment = ""
	}
	return list
}

// command is one command of a page, and the output that it says, nil if none is said.
type command struct {
	text string
	says *regexp.Regexp
	want string // says, as the page has it
}

type page struct{ commands []command }

func parsePage(t *testing.T, text string) page {
	t.Helper()
	var p page
	for _, b := range blocks(text) {
		if hidden, ok := strings.CutPrefix(b.comment, "run: "); ok && b.text == "" {
			p.commands = append(p.commands, command{text: hidden})
		}
		if name, ok := strings.CutPrefix(b.comment, "file: "); ok && b.text != "" {
			p.commands = append(p.commands, command{text: fmt.Sprintf("cat >%s <<'END OF FILE'\n%sEND OF FILE", name, b.text)})
		}
		if b.language == "console" {
			p.commands = append(p.commands, parseConsole(t, b.text)...)
		}
	}
	return p
}

func parseConsole(t *testing.T, text string) (list []command) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); {
		first, ok := strings.CutPrefix(lines[i], "$ ")
		if !ok {
			t.Fatalf("output of no command: %q", lines[i])
		}
		cmd := []string{first}
		i++
		for i < len(lines) && strings.HasSuffix(cmd[len(cmd)-1], `\`) {
			cmd = append(cmd, lines[i])
			i++
		}
		if _, word, ok := strings.Cut(first, "<<"); ok { // a here-document
			for end := false; !end && i < len(lines); i++ {
				cmd = append(cmd, lines[i])
				end = lines[i] == strings.Trim(word, `'"`)
			}
		}
		var want []string
		for ; i < len(lines) && !strings.HasPrefix(lines[i], "$ "); i++ {
			want = append(want, lines[i])
		}
		list = append(list, command{strings.Join(cmd, "\n"), outputPattern(want), strings.Join(want, "\n")})
	}
	return list
}

func outputPattern(lines []string) *regexp.Regexp {
	if len(lines) == 0 {
		return nil
	}
	p := "^"
	for _, line := range lines {
		if line == "…" {
			p += `(?:.*\n)*`
			continue
		}
		p += strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + `\s*\n`
	}
	return regexp.MustCompile(p + "$")
}

// run runs the commands of a page in one shell.
func (p page) run(t *testing.T, nodes []*node) {
	const mark = "--- documented command"
	logs := t.TempDir()
	errors := func(i int) string { return filepath.Join(logs, strconv.Itoa(i)) }
	var script strings.Builder
	script.WriteString("status=0\n")
	for i, c := range p.commands {
		text := strings.NewReplacer("localhost:8000", strings.TrimPrefix(nodes[0].API, "http://"), "12D3KooW…", nodes[1].Peer).Replace(c.text)
		fmt.Fprintf(&script, "echo '%s %d'\n(exit $status)\n{\n%s\n} 2>%s\nstatus=$?\nprintf '\\n%s %d ended with %%d\\n' $status\n", mark, i, text, errors(i), mark, i)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-s")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(script.String())
	cmd.Env = append(os.Environ(), "IPFS_PATH="+nodes[0].Repo, "IPFS_MPI="+root, "PATH="+built("bin")+":"+built("build")+":"+os.Getenv("PATH"))
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Run(); err != nil && ctx.Err() != nil {
		t.Errorf("the shell: %v", err)
	}
	rest := out.String()
	for i, c := range p.commands {
		_, after, ok := strings.Cut(rest, fmt.Sprintf("%s %d\n", mark, i))
		got, tail, ended := strings.Cut(after, fmt.Sprintf("\n%s %d ended with ", mark, i))
		if !ok || !ended {
			t.Fatalf("$ %s\ndid not end:\n%s", c.text, after)
		}
		rest = tail
		line, _, _ := strings.Cut(tail, "\n")
		status, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		if status != 0 || c.says == nil { // else it says what is on standard output
			got += readFile(t, errors(i))
		}
		told := i+1 < len(p.commands) && p.commands[i+1].text == "echo $?"
		if status != 0 && !told {
			t.Errorf("$ %s\nended with %d:\n%s", c.text, status, got)
		} else if c.says != nil && !c.says.MatchString(strings.TrimRight(got, "\n")+"\n") {
			t.Errorf("$ %s\nwrote\n%s\nand the page says\n%s", c.text, got, c.want)
		}
	}
}
