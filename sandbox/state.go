package sandbox

import (
	"strings"
	"time"
)

// The nouns of the forge. Each is one document in the store; all fields that are
// pointers elsewhere are ids here. They are read and changed under Forge.mu.
type (
	// account is a user, a bot or an organisation.
	account struct {
		ID      int64
		Login   string
		Name    string
		Email   string
		Type    string           // User, Bot or Organization
		Tokens  []string         `json:",omitempty"` // SHA-256 of each, in hex
		Members map[int64]string `json:",omitempty"` // of an organisation: admin or member
		Admin   bool             `json:",omitempty"` // may do everything everywhere
		// BasePermission is what members of an organisation may do in each of
		// its repositories.
		BasePermission string `json:",omitempty"`
		App            int64  `json:",omitempty"` // whose bot it is
		Created        time.Time
		as             *grant // the token that it shows in this request, of an App's bot
	}
	team struct {
		ID          int64
		Org         int64
		Name, Slug  string
		Description string
		Members     map[int64]string // maintainer or member
		Repos       map[int64]string // permission
	}
	repo struct {
		ID            int64
		Owner         int64
		Name          string
		Description   string
		Private       bool
		Archived      bool
		DefaultBranch string
		Parent        int64 // forked from
		NoMerge       bool
		NoSquash      bool
		NoRebase      bool
		DeleteMerged  bool // delete the head branch after a merge
		Collaborators map[int64]string
		Labels        []*label
		Milestones    []*milestone
		Protection    map[string]*protection // by branch
		Numbers       int                    // the last number given
		Refs          map[string]string      // as of the last look into git
		Created       time.Time
		Updated       time.Time
		Pushed        time.Time
		Stars         int
	}
	label struct {
		ID                       int64
		Name, Color, Description string
	}
	milestone struct {
		ID                 int64
		Number             int
		Title, Description string
		State              string
		Creator            int64
		Due                time.Time
		Created, Updated   time.Time
		Closed             time.Time
	}
	// protection is what a branch asks of a merge.
	protection struct {
		Contexts      []string
		HasChecks     bool // also with no contexts
		Strict        bool // the head must contain the base
		Reviews       int  // approving reviews; 0 asks none
		HasReviews    bool
		DismissStale  bool
		CodeOwners    bool
		Admins        bool // holds for administrators too
		Restricted    bool // only those below may push or merge
		Users, Teams  []string
		Linear        bool
		ForcePushes   bool
		Deletions     bool
		Conversations bool
	}
	// issue is an issue or, with Pull, a pull request.
	issue struct {
		ID          int64
		Repo        int64
		Number      int
		Author      int64
		Title, Body string
		State       string // open or closed
		Reason      string // completed, not_planned or reopened
		Locked      bool
		Labels      []int64
		Assignees   []int64
		Milestone   int64
		Created     time.Time
		Updated     time.Time
		Closed      time.Time
		ClosedBy    int64
		Reactions   []reaction `json:",omitempty"`
		Pull        *pull      `json:",omitempty"`
	}
	pull struct {
		BaseRef, BaseSHA string
		HeadRepo         int64 // 0 if the fork is gone
		HeadOwner        int64
		HeadRef, HeadSHA string
		Draft            bool
		MaintainerEdits  bool
		Merged           time.Time
		MergedBy         int64
		MergeSHA         string
		Merging          *merging `json:",omitempty"`
		Reviewers        []int64
		ReviewTeams      []int64
		Commits          int
		Additions        int
		Deletions        int
		ChangedFiles     int
	}
	// merging is a merge about to move the base branch: whoever comes after a
	// killed process knows by it whose merge that was.
	merging struct {
		SHA string
		By  int64
	}
	reaction struct {
		ID      int64
		User    int64
		Content string
		Created time.Time
	}
	// comment is one on an issue or pull request or, with Review fields, on a diff.
	comment struct {
		ID               int64
		Issue            int64
		Author           int64
		Body             string
		Created, Updated time.Time
		Reactions        []reaction `json:",omitempty"`
		Line             *line      `json:",omitempty"`
	}
	// line is where in the diff a review comment sits.
	line struct {
		Review    int64
		Path      string
		SHA       string
		Hunk      string
		Side      string
		Line      int
		StartLine int
		StartSide string
		Position  int
		InReplyTo int64
		WholeFile bool
	}
	review struct {
		ID        int64
		Issue     int64
		Author    int64
		State     string // APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED, PENDING
		Body      string
		SHA       string
		Submitted time.Time
	}
	status struct {
		ID                              int64
		Repo                            int64
		SHA                             string
		State, Context, Text, TargetURL string
		Creator                         int64
		Created                         time.Time
	}
	checkRun struct {
		ID                   int64
		Repo                 int64
		SHA, Name            string
		Status, Conclusion   string
		DetailsURL           string
		ExternalID           string
		Title, Summary, Text string
		Creator              int64
		Started, Completed   time.Time
	}
	// event is one entry of an issue's history.
	event struct {
		ID       int64
		Issue    int64
		Actor    int64
		Kind     string
		Label    *label `json:",omitempty"` // as it was then
		Who      int64  // assignee, reviewer
		Team     int64
		SHA      string
		From, To string // renamed
		Title    string // of a milestone
		Created  time.Time
	}
	// hook is a webhook of a repository, an organisation, or (both 0) of all.
	hook struct {
		ID               int64
		Repo, Org        int64
		URL, Secret      string
		Form             bool // content type form instead of json
		Events           []string
		Active           bool
		Created, Updated time.Time
	}
)

func (a *account) key() (string, int64)  { return "account", a.ID }
func (a *team) key() (string, int64)     { return "team", a.ID }
func (a *repo) key() (string, int64)     { return "repo", a.ID }
func (a *issue) key() (string, int64)    { return "issue", a.ID }
func (a *comment) key() (string, int64)  { return "comment", a.ID }
func (a *review) key() (string, int64)   { return "review", a.ID }
func (a *status) key() (string, int64)   { return "status", a.ID }
func (a *checkRun) key() (string, int64) { return "check", a.ID }
func (a *event) key() (string, int64)    { return "event", a.ID }
func (a *hook) key() (string, int64)     { return "hook", a.ID }

// commitID names a commit of a repository.
type commitID struct {
	repo int64
	sha  string
}

// numberID names an issue of a repository.
type numberID struct {
	repo   int64
	number int
}

// state is all that is known, and the ways to find it.
type state struct {
	accounts map[int64]*account
	logins   map[string]*account // lower case
	tokens   map[string]*account // SHA-256
	emails   map[string]*account
	teams    map[int64]*team
	repos    map[int64]*repo
	names    map[string]*repo // lower case owner/name
	issues   map[int64]*issue
	numbers  map[numberID]*issue
	byRepo   map[int64][]*issue // oldest first
	comments map[int64]*comment
	said     map[int64][]*comment // by issue, conversation and diff
	reviews  map[int64][]*review  // by issue
	statuses map[commitID][]*status
	checks   map[commitID][]*checkRun
	checkIDs map[int64]*checkRun
	events   map[int64][]*event // by issue
	hooks    map[int64]*hook
	labels   map[int64]*label
	miles    map[int64]*milestone
	apps     map[int64]*app
	grants   map[string]*grant // SHA-256
	maxID    int64

	installations map[int64]*installation
	workflows     map[int64]*workflowRun
}

func newState() *state {
	return &state{
		accounts: map[int64]*account{}, logins: map[string]*account{}, tokens: map[string]*account{}, emails: map[string]*account{},
		teams: map[int64]*team{}, repos: map[int64]*repo{}, names: map[string]*repo{},
		issues: map[int64]*issue{}, numbers: map[numberID]*issue{}, byRepo: map[int64][]*issue{},
		comments: map[int64]*comment{}, said: map[int64][]*comment{}, reviews: map[int64][]*review{},
		statuses: map[commitID][]*status{}, checks: map[commitID][]*checkRun{}, checkIDs: map[int64]*checkRun{},
		events: map[int64][]*event{}, hooks: map[int64]*hook{}, labels: map[int64]*label{}, miles: map[int64]*milestone{},
		apps: map[int64]*app{}, grants: map[string]*grant{}, installations: map[int64]*installation{}, workflows: map[int64]*workflowRun{},
	}
}

// add puts a new or just loaded noun where it can be found.
func (s *state) add(n noun) {
	_, id := n.key()
	s.maxID = max(s.maxID, id)
	switch n := n.(type) {
	case *account:
		s.accounts[id], s.logins[strings.ToLower(n.Login)] = n, n
		if n.Email != "" {
			s.emails[strings.ToLower(n.Email)] = n
		}
		for _, t := range n.Tokens {
			s.tokens[t] = n
		}
	case *team:
		s.teams[id] = n
	case *repo:
		s.repos[id], s.names[s.repoKey(n)] = n, n
		for _, l := range n.Labels {
			s.labels[l.ID], s.maxID = l, max(s.maxID, l.ID)
		}
		for _, m := range n.Milestones {
			s.miles[m.ID], s.maxID = m, max(s.maxID, m.ID)
		}
	case *issue:
		s.issues[id], s.numbers[numberID{n.Repo, n.Number}] = n, n
		s.byRepo[n.Repo] = append(s.byRepo[n.Repo], n)
		for _, r := range n.Reactions {
			s.maxID = max(s.maxID, r.ID)
		}
	case *comment:
		s.comments[id], s.said[n.Issue] = n, append(s.said[n.Issue], n)
		for _, r := range n.Reactions {
			s.maxID = max(s.maxID, r.ID)
		}
	case *review:
		s.reviews[n.Issue] = append(s.reviews[n.Issue], n)
	case *status:
		at := commitID{n.Repo, n.SHA}
		s.statuses[at] = append(s.statuses[at], n)
	case *checkRun:
		at := commitID{n.Repo, n.SHA}
		s.checkIDs[id], s.checks[at] = n, append(s.checks[at], n)
	case *event:
		s.events[n.Issue] = append(s.events[n.Issue], n)
	case *hook:
		s.hooks[id] = n
	case *app:
		s.apps[id] = n
	case *installation:
		s.addInstallation(n)
	case *workflowRun:
		s.workflows[id] = n
	}
}

func (s *state) repoKey(r *repo) string {
	return strings.ToLower(s.accounts[r.Owner].Login + "/" + r.Name)
}

// drop forgets a noun.
func (s *state) drop(n noun) {
	_, id := n.key()
	switch n := n.(type) {
	case *comment:
		delete(s.comments, id)
		s.said[n.Issue] = without(s.said[n.Issue], n)
	case *review:
		s.reviews[n.Issue] = without(s.reviews[n.Issue], n)
	case *hook:
		delete(s.hooks, id)
	case *installation:
		s.dropInstallation(n)
	case *team:
		delete(s.teams, id)
	case *repo:
		delete(s.repos, id)
		delete(s.names, s.repoKey(n))
	}
}

// without returns a new list, so that readers of the old one are not disturbed.
func without[T comparable](list []T, x T) []T {
	out := make([]T, 0, len(list))
	for _, v := range list {
		if v != x {
			out = append(out, v)
		}
	}
	return out
}
