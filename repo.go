package prow

import (
	"fmt"
	"strconv"
	"strings"
)

// Repo names a repository on the forge. On Gerrit, Owner carries the scheme.
type Repo struct{ Owner, Name string }

func (r Repo) String() string { return r.Owner + "/" + r.Name }

// IsZero reports whether r names nothing.
func (r Repo) IsZero() bool { return r == Repo{} }

// ParseRepo parses "owner/name". The split is at the first slash, except that
// a leading "https://host" or "http://host" belongs to the owner; the name of a
// Gerrit repository may hold slashes.
func ParseRepo(s string) (Repo, error) {
	scheme, rest := "", s
	for _, p := range []string{"https://", "http://"} {
		if after, ok := strings.CutPrefix(s, p); ok {
			scheme, rest = p, after
		}
	}
	owner, name, ok := strings.Cut(strings.TrimRight(rest, "/"), "/")
	if !ok || owner == "" || name == "" || (scheme == "" && strings.Contains(name, "/")) {
		return Repo{}, fmt.Errorf("repo %q: want owner/name", s)
	}
	return Repo{scheme + owner, name}, nil
}

// IssueID names an issue or a pull request; the forge numbers them together.
// Number is 0 where a whole repository is meant.
type IssueID struct {
	Repo   Repo
	Number int
}

func (id IssueID) String() string {
	if id.Number == 0 {
		return id.Repo.String()
	}
	return fmt.Sprintf("%s#%d", id.Repo, id.Number)
}

// ParseIssueID parses "owner/name#17".
func ParseIssueID(s string) (IssueID, error) {
	repo, number, ok := strings.Cut(s, "#")
	r, err := ParseRepo(repo)
	n, errN := strconv.Atoi(number)
	if !ok || err != nil || errN != nil || n < 1 {
		return IssueID{}, fmt.Errorf("pull request %q: want owner/name#number, for example kubernetes/kubernetes#42", s)
	}
	return IssueID{r, n}, nil
}
