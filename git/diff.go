package git

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Changed lists the files that differ between two commits, from their merge base
// on; a renamed file has both names. Patch is not filled.
func (r *Repo) Changed(ctx context.Context, from, to string) ([]prow.File, error) {
	m, err := r.have(ctx, from, to)
	if err != nil {
		return nil, err
	}
	base, err := m.mergeBase(ctx, from, to)
	if err != nil {
		return nil, err
	}
	out, err := m.git(ctx, "diff-tree", "-r", "-z", "-M", "--raw", "--numstat", "--no-ext-diff", "--no-textconv", base, to)
	if err != nil {
		return nil, err
	}
	return parseDiff(string(out))
}

// PullFiles names the files that a pull request changes on a commit of its base
// branch, given those that the forge lists; where that list is cut, git knows the
// rest.
func (r *Repo) PullFiles(ctx context.Context, number int, branch, base, head string, listed []prow.File) ([]string, error) {
	if len(listed) < prow.ListedFiles {
		return prow.ChangedNames(listed), nil
	}
	if err := r.Ensure(ctx, []string{"refs/heads/" + branch, fmt.Sprintf("refs/pull/%d/head", number)}, base, head); err != nil {
		return nil, err
	}
	all, err := r.Changed(ctx, base, head)
	return prow.ChangedNames(all), err
}

// mergeBase returns where two commits parted; from itself where they never met.
func (m *mirror) mergeBase(ctx context.Context, from, to string) (string, error) {
	out, err := m.git(ctx, "merge-base", from, to)
	var e *Error
	if errors.As(err, &e) && e.Code == 1 {
		return from, nil
	}
	return strings.TrimSpace(string(out)), err
}

// parseDiff reads what `diff-tree -z --raw --numstat` writes: first all raw
// entries, then all counts.
func parseDiff(out string) ([]prow.File, error) {
	var files []prow.File
	byName := map[string]int{}
	next := func() (string, bool) {
		field, rest, ok := strings.Cut(out, "\x00")
		out = rest
		return field, ok
	}
	for out != "" {
		head, ok := next()
		if !ok {
			return nil, fmt.Errorf("git diff-tree: cut off at %.80q", head)
		}
		if strings.HasPrefix(head, ":") {
			f, err := parseRaw(head, next)
			if err != nil {
				return nil, err
			}
			byName[f.Name] = len(files)
			files = append(files, f)
			continue
		}
		added, rest, ok1 := strings.Cut(head, "\t")
		removed, name, ok2 := strings.Cut(rest, "\t")
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("git diff-tree: counts %.80q, want two numbers and a name", head)
		}
		if name == "" { // a rename: two more fields
			_, okOld := next()
			if name, ok = next(); !ok || !okOld {
				return nil, errors.New("git diff-tree: a rename without names")
			}
		}
		if i, ok := byName[name]; ok { // "-" of binary files counts as 0
			files[i].Additions, _ = strconv.Atoi(added)
			files[i].Deletions, _ = strconv.Atoi(removed)
		}
	}
	return files, nil
}

// parseRaw reads ":<mode> <mode> <id> <id> <status>" and the names after it.
func parseRaw(head string, next func() (string, bool)) (prow.File, error) {
	fields := strings.Fields(head)
	name, ok := next()
	if len(fields) != 5 || !ok || name == "" {
		return prow.File{}, fmt.Errorf("git diff-tree: entry %.80q, want modes, ids, status and a name", head)
	}
	f := prow.File{Name: name}
	switch fields[4][0] {
	case 'A':
		f.Status = "added"
	case 'D':
		f.Status = "removed"
	case 'R', 'C':
		f.Status, f.OldName = "renamed", name
		if fields[4][0] == 'C' {
			f.Status = "copied"
		}
		if f.Name, ok = next(); !ok || f.Name == "" {
			return f, fmt.Errorf("git diff-tree: %q was renamed to nothing", name)
		}
	default:
		f.Status = "modified"
	}
	return f, nil
}
