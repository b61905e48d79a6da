package sandbox

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// commit is what git keeps of one.
type commit struct {
	sha, tree         string
	parents           []string
	author, committer person
	message           string
	added             []string
	removed           []string
	modified          []string
}

const logFormat = "--format=%x01%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x02"

// log lists commits, newest first, with the names of their files if asked to.
func (g *gits) log(ctx context.Context, repo int64, files bool, args ...string) ([]commit, error) {
	show := []string{"log", logFormat}
	if files {
		show = append(show, "--name-status", "-z", "--no-renames")
	}
	out, err := g.run(ctx, repo, append(show, args...)...)
	if err != nil {
		return nil, err
	}
	var list []commit
	for rec := range strings.SplitSeq(out, "\x01") {
		head, names, ok := strings.Cut(rec, "\x02")
		f := strings.SplitN(head, "\x00", 10)
		if !ok || len(f) < 10 {
			continue
		}
		c := commit{sha: f[0], tree: f[1], parents: strings.Fields(f[2]), message: strings.TrimRight(f[9], "\n")}
		c.author, c.committer = signed(f[3:6]), signed(f[6:9])
		if files {
			c.sort(names)
		}
		list = append(list, c)
	}
	return list, nil
}

func signed(f []string) person {
	at, _ := strconv.ParseInt(f[2], 10, 64)
	return person{f[0], f[1], time.Unix(at, 0).UTC()}
}

// sort files the names that --name-status -z gives.
func (c *commit) sort(names string) {
	f := strings.Split(strings.Trim(names, "\x00\n"), "\x00")
	for i := 0; i+1 < len(f); i += 2 {
		switch strings.TrimSpace(f[i]) {
		case "A":
			c.added = append(c.added, f[i+1])
		case "D":
			c.removed = append(c.removed, f[i+1])
		default:
			c.modified = append(c.modified, f[i+1])
		}
	}
}

// file is one changed file of a diff.
type file struct {
	name, old            string
	status               string // added, removed, modified, renamed
	sha                  string
	additions, deletions int
	patch                string
	binary               bool
}

// diff lists what changed between two commits, patches included.
func (g *gits) diff(ctx context.Context, repo int64, from, to string) ([]file, error) {
	key := [2]string{from, to}
	if d, ok := g.diffs.get(key); ok {
		return d, nil
	}
	raw, err := g.run(ctx, repo, "diff", "--raw", "-z", "--no-abbrev", "-M", from, to)
	if err != nil {
		return nil, err
	}
	files := parseRaw(raw)
	text, err := g.run(ctx, repo, "diff", "-p", "-M", "--no-color", "--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/", from, to)
	if err != nil {
		return nil, err
	}
	addPatches(files, text)
	g.diffs.put(key, files)
	return files, nil
}

func parseRaw(raw string) []file {
	var files []file
	f := strings.Split(strings.TrimRight(raw, "\x00"), "\x00")
	for i := 0; i+1 < len(f); {
		w := strings.Fields(strings.TrimPrefix(f[i], ":"))
		if len(w) < 5 {
			break
		}
		c := file{sha: w[3], name: f[i+1], status: "modified"}
		i += 2
		switch w[4][0] {
		case 'A':
			c.status = "added"
		case 'D':
			c.status, c.sha = "removed", w[2]
		case 'R', 'C':
			c.status, c.old, c.name = "renamed", c.name, f[i]
			i++
		}
		files = append(files, c)
	}
	return files
}

// addPatches hands each file its part of the diff: they come in the same order.
func addPatches(files []file, text string) {
	parts := strings.Split("\n"+text, "\ndiff --git ")
	for i, p := range parts[1:] {
		if i >= len(files) {
			return
		}
		f := &files[i]
		at := strings.Index(p, "\n@@ ")
		f.binary = at < 0 && (strings.Contains(p, "\nBinary files ") || strings.Contains(p, "\nGIT binary patch"))
		if at < 0 {
			continue
		}
		f.patch = strings.TrimSuffix(p[at+1:], "\n")
		for l := range strings.SplitSeq(f.patch, "\n") {
			switch {
			case strings.HasPrefix(l, "+"):
				f.additions++
			case strings.HasPrefix(l, "-"):
				f.deletions++
			}
		}
		const most = 1 << 20 // GitHub leaves out the patch of a huge file
		if len(f.patch) > most {
			f.patch = ""
		}
	}
}
