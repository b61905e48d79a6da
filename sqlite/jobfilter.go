package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// term is one condition of a search.
type term struct {
	column string // of jobs, "" if it is about another table
	test   string // the condition, said so that no index serves it
	args   []any
	// lead says it so that one does; from is what it selects from, if not
	// plainly jobs. A search has at most one leader, the term with the lowest
	// rank above 0; what it finds comes in the order of the list, so that a
	// page is found without sorting all there is.
	lead, from string
	seq        string // the column of from that has the order; "" is jobs.seq
	rank       int
}

// search is terms made SQL, up to ORDER BY, and the column to order by.
func search(all []term, before string) (text, seq string, args []any) {
	leader := -1
	for i, t := range all {
		if t.rank > 0 && (leader < 0 || t.rank < all[leader].rank) {
			leader = i
		}
	}
	from, seq, conditions := "jobs", "jobs.seq", []string{"1"}
	for i, t := range all {
		c := t.test
		if i == leader {
			c = t.lead
			if t.from != "" {
				from = t.from
			}
			if t.seq != "" {
				seq = t.seq
			}
		}
		conditions, args = append(conditions, c), append(args, t.args...)
	}
	if before != "" {
		conditions, args = append(conditions, seq+" < (SELECT seq FROM jobs WHERE id = ?)"), append(args, before)
	}
	return " FROM " + from + " WHERE " + strings.Join(conditions, " AND "), seq, args
}

// List returns a page of the jobs that f describes.
func (s *Jobs) List(ctx context.Context, f prow.JobFilter) ([]*prow.Job, error) {
	text, seq, args := search(terms(f), f.Before)
	limit := -1
	if f.Limit > 0 {
		limit = f.Limit
	}
	// The page first, then the values: nothing is read that is not shown.
	query := `SELECT json FROM (SELECT jobs.seq AS seq` + text + ` ORDER BY ` + seq + ` DESC LIMIT ?) CROSS JOIN job_json USING (seq) ORDER BY seq DESC`
	rows, err := s.read.QueryContext(ctx, query, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", explain(err))
	}
	jobs, err := scanJobs(rows)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", explain(err))
	}
	return jobs, nil
}

func scanJobs(rows *sql.Rows) ([]*prow.Job, error) {
	defer rows.Close()
	out := []*prow.Job{}
	for rows.Next() {
		var text sql.RawBytes
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		j := new(prow.Job)
		if err := json.Unmarshal(text, j); err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, rows.Err()
}

// Count counts by state, from the kept counts where they know the answer.
func (s *Jobs) Count(ctx context.Context, f prow.JobFilter) (map[prow.State]int, error) {
	all := terms(f)
	text, _, args := search(all, "")
	query := `SELECT jobs.state, count(*)` + text + ` GROUP BY 1`
	if !slices.ContainsFunc(all, func(t term) bool { return !counted(t.column) }) {
		query = `SELECT jobs.state, sum(n)` + onCounts(text) + ` GROUP BY 1`
	}
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", explain(err))
	}
	defer rows.Close()
	out := map[prow.State]int{}
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return nil, err
		}
		if n > 0 {
			out[prow.State(state)] = n
		}
	}
	return out, rows.Err()
}

// onCounts makes a search of jobs one of their counts.
func onCounts(search string) string {
	search = strings.Replace(search, " INDEXED BY jobs_incomplete", "", 1)
	return strings.Replace(search, "FROM jobs", "FROM job_counts AS jobs", 1)
}

// counted reports whether job_counts has the column.
func counted(column string) bool {
	return slices.Contains([]string{"type", "state", "complete", "job", "org", "repo", "cluster", "queue", "hidden"}, column)
}

// terms says f in SQL.
func terms(f prow.JobFilter) []term {
	var all []term
	equal := func(column, value string, rank int) {
		if value != "" {
			all = append(all, columnIs(column, "= ?", []any{value}, rank))
		}
	}
	if len(f.States) > 0 {
		all = append(all, columnIs("state", in(f.States), values(f.States), stateRank(f.States)))
	}
	if len(f.Types) > 0 {
		all = append(all, columnIs("type", in(f.Types), values(f.Types), single(f.Types, 9)))
	}
	if strings.Contains(f.Job, "*") {
		all = append(all, columnIs("job", "GLOB ?", []any{glob(f.Job)}, 0))
	} else if f.Complete != nil && !*f.Complete && f.Job != "" {
		all = append(all, term{column: "job", test: "+jobs.job = ?", lead: "jobs.complete = 0 AND jobs.job = ?", from: "jobs INDEXED BY jobs_incomplete", args: []any{f.Job}, rank: 1})
	} else {
		equal("job", f.Job, 6)
	}
	if f.Repo.Name != "" {
		all = append(all, term{column: "repo", test: "+jobs.org = ? AND +jobs.repo = ?", lead: "jobs.org = ? AND jobs.repo = ?",
			args: []any{f.Repo.Owner, f.Repo.Name}, rank: 7})
	} else {
		equal("org", f.Repo.Owner, 0)
	}
	equal("base", f.Base, 0)
	equal("base_sha", f.BaseSHA, 2)
	equal("cluster", f.Cluster, 0)
	equal("build", f.BuildID, 1)
	equal("queue", f.Queue, 7)
	if f.Pull != 0 {
		all = append(all, pull("number", f.Pull, 4))
	}
	if f.SHA != "" {
		all = append(all, pull("sha", f.SHA, 2))
	}
	if f.Author != "" {
		all = append(all, pull("author", f.Author, 5))
	}
	for _, k := range slices.Sorted(maps.Keys(f.Labels)) {
		all = append(all, label(k, f.Labels[k]))
	}
	if !f.Since.IsZero() {
		all = append(all, columnIs("created", ">= ?", []any{f.Since.UnixNano()}, 10))
	}
	if !f.Until.IsZero() {
		all = append(all, columnIs("created", "< ?", []any{f.Until.UnixNano()}, 10))
	}
	if f.Complete != nil && *f.Complete {
		all = append(all, columnIs("complete", "= 1", nil, 0))
	} else if f.Complete != nil {
		t := columnIs("complete", "= 0", nil, 3)
		t.from = "jobs INDEXED BY jobs_incomplete" // without figures SQLite takes it for the worse way
		all = append(all, t)
	}
	if f.Visible {
		all = append(all, columnIs("hidden", "= 0", nil, 0))
	}
	return all
}

// columnIs is a condition on one column of jobs.
func columnIs(column, is string, args []any, rank int) term {
	c := "jobs." + column + " " + is
	t := term{column: column, test: "+" + c, lead: c, args: args, rank: rank}
	switch column {
	case "base_sha", "build", "queue": // their indexes leave out the empty ones
		t.lead += " AND jobs." + column + " <> ''"
	}
	return t
}

// pull is a condition on one of a job's pulls.
func pull(column string, value any, rank int) term {
	return term{
		test: "EXISTS (SELECT 1 FROM job_pulls q WHERE q.seq = jobs.seq AND +q." + column + " = ?)",
		// A job whose pulls share the value is found once.
		lead: "p." + column + " = ? AND p.place = (SELECT min(q.place) FROM job_pulls q WHERE q.seq = p.seq AND +q." + column + " = p." + column + ")",
		from: "job_pulls p CROSS JOIN jobs ON jobs.seq = p.seq", seq: "p.seq",
		args: []any{value}, rank: rank,
	}
}

func label(name, value string) term {
	return term{
		test: "EXISTS (SELECT 1 FROM job_labels k WHERE k.name = ? AND k.value = ? AND k.seq = jobs.seq)",
		lead: "l.name = ? AND l.value = ?",
		from: "job_labels l CROSS JOIN jobs ON jobs.seq = l.seq", seq: "l.seq",
		args: []any{name, value}, rank: 8,
	}
}

// stateRank: few jobs are under way, many are done, and several states would have
// to be sorted together.
func stateRank(states []prow.State) int {
	if !slices.ContainsFunc(states, prow.State.Final) {
		return 3
	}
	return single(states, 8)
}

func single[T any](list []T, rank int) int {
	if len(list) == 1 {
		return rank
	}
	return 0
}

func in[T any](list []T) string {
	return "IN (?" + strings.Repeat(", ?", len(list)-1) + ")"
}

func values[T ~string](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// glob turns a pattern in which * alone is special into one for GLOB.
func glob(pattern string) string {
	return strings.NewReplacer("[", "[[]", "?", "[?]").Replace(pattern)
}
