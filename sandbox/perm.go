package sandbox

// level is what someone may do in a repository, in rising order.
type level int

const (
	none level = iota
	read
	triage
	push
	maintain
	admin
)

var levelNames = [...]string{"none", "read", "triage", "write", "maintain", "admin"}

func (l level) String() string { return levelNames[l] }

// parseLevel knows both of GitHub's spellings.
func parseLevel(s string) (level, bool) {
	switch s {
	case "pull":
		return read, true
	case "push":
		return push, true
	}
	for i, n := range levelNames {
		if n == s {
			return level(i), true
		}
	}
	return none, false
}

// level computes what a user may do in r. Call it with the state held.
func (f *Forge) level(r *repo, user *account) level {
	l := none
	if !r.Private {
		l = read
	}
	if user == nil {
		return l
	}
	if user.App != 0 {
		return max(l, f.appLevel(r, user))
	}
	raise := func(s string) {
		if n, ok := parseLevel(s); ok {
			l = max(l, n)
		}
	}
	owner := f.account(r.Owner)
	if user.Admin || user.ID == r.Owner || owner.Members[user.ID] == "admin" {
		return admin
	}
	if owner.Members[user.ID] != "" {
		raise(owner.BasePermission)
	}
	raise(r.Collaborators[user.ID])
	for _, t := range f.st.teams {
		if t.Members[user.ID] != "" {
			raise(t.Repos[r.ID])
		}
	}
	return l
}

// collaborator reports what GitHub means by it: given access by name, team or
// organisation, not just able to read what all can.
func (f *Forge) collaborator(r *repo, user *account) bool {
	owner := f.account(r.Owner)
	if user.ID == r.Owner || r.Collaborators[user.ID] != "" || owner.Members[user.ID] == "admin" {
		return true
	}
	if owner.Members[user.ID] != "" && owner.BasePermission != "" && owner.BasePermission != "none" {
		return true
	}
	for _, t := range f.st.teams {
		if t.Members[user.ID] != "" && t.Repos[r.ID] != "" {
			return true
		}
	}
	return false
}

func (l level) permissions() obj {
	return obj{"admin": l >= admin, "maintain": l >= maintain, "push": l >= push, "triage": l >= triage, "pull": l >= read}
}

// roleName is GitHub's newer word: read, triage, write, maintain, admin.
func (l level) roleName() string { return l.String() }

// legacy is the word of the permission call, which knows only four.
func (l level) legacy() string {
	switch l {
	case triage:
		return "read"
	case maintain:
		return "write"
	}
	return l.String()
}
