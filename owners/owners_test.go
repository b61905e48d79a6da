package owners

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// read builds Owners from path and content, alternating.
func read(t *testing.T, o Options, files ...string) *Owners {
	t.Helper()
	tree := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		tree[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	got, err := New(tree, slices.Sorted(maps.Keys(tree)), o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	o := read(t, Options{},
		"OWNERS", "approvers: [Root, '@boss']\nreviewers: [root]\nlabels: [Kind/x]\n",
		"OWNERS_ALIASES", "aliases:\n  team: [Ann, '@ben']\n  nobody:\n  set: {cat: , dan: }\n",
		"a/OWNERS", "approvers: [TEAM, ann]\nrequired_reviewers: [set]\n",
		"a/b/OWNERS", "reviewers: [eve]\n",
		"a/b/c/OWNERS", "approvers: [fay]\noptions: {no_parent_owners: true}\n",
		"a/b/c/d/OWNERS", "reviewers: [gus, nobody]\n",
		"f/OWNERS", "filters:\n  '.*': {approvers: [hal]}\n  '\\.go$': {approvers: [ivy], labels: [lang/go]}\n  '^sub/': {reviewers: [jim]}\n  '(': {approvers: [bad]}\n",
		"g/OWNERS", "approvers: {not: a list}\n",
		"h/OWNERS", "approvers: [kim]\nfilters: {'.*': {approvers: [lea]}}\n",
		"i/OWNERS", "options: {auto_approve_unowned_subfolders: true}\n",
		"j/OWNERS", "emeritus_approvers: [old]\napprovers: [0x, 12]\n",
	)
	for _, tt := range []struct {
		role Role
		file string
		want string // layers / directory
	}{
		{Approvers, "x.go", "[[boss root]] in ''"},
		{Approvers, "", "[[boss root]] in ''"},
		{Reviewers, "x.go", "[[root]] in ''"},
		{Approvers, "a/x.go", "[[ann ben] [boss root]] in 'a'"},
		{Reviewers, "a/x.go", "[[root]] in ''"},
		{RequiredReviewers, "a/x.go", "[[cat dan]] in 'a'"},
		{Approvers, "a/b/x.go", "[[ann ben] [boss root]] in 'a'"},
		{Approvers, "a/b/c/x.go", "[[fay]] in 'a/b/c'"},
		{Reviewers, "a/b/c/x.go", "[[eve] [root]] in 'a/b'"}, // no_parent_owners is per role
		{Reviewers, "a/b/c/d/x.go", "[[gus]] in 'a/b/c/d'"},
		{Labels, "a/b/x.go", "[[Kind/x]] in ''"},
		{Approvers, "f/x.go", "[[hal ivy] [boss root]] in 'f'"},
		{Approvers, "f/x.txt", "[[hal] [boss root]] in 'f'"},
		{Labels, "f/sub/x.go", "[[lang/go] [Kind/x]] in 'f'"},
		{Reviewers, "f/sub/x.go", "[[jim] [root]] in 'f'"},
		{Reviewers, "f/x.go", "[[root]] in ''"},
		{Approvers, "g/x.go", "[[boss root]] in ''"},
		{Approvers, "h/x.go", "[[kim] [boss root]] in 'h'"},
		{Approvers, "i/x.go", "[[boss root]] in ''"},
		{Approvers, "j/x.go", "[[0x 12] [boss root]] in 'j'"},
	} {
		got := fmt.Sprintf("%v in '%s'", o.Layers(tt.role, tt.file), o.Dir(tt.role, tt.file))
		if got != tt.want {
			t.Errorf("role %d of %q: %s, want %s", tt.role, tt.file, got, tt.want)
		}
	}
	if got := o.Leaf(Approvers, "a/b/x.go"); !slices.Equal(got, []string{"ann", "ben"}) {
		t.Errorf("leaf: %v", got)
	}
	if got := o.Who(Approvers, "a/b/x.go"); !slices.Equal(got, []string{"ann", "ben", "boss", "root"}) {
		t.Errorf("all: %v", got)
	}
	if got := strings.Join(o.Everyone(), " "); got != "0x 12 ann ben boss eve fay gus hal ivy jim kim root" {
		t.Errorf("everyone: %s", got)
	}
	if !o.AutoApprove("i") || o.AutoApprove("a") || !o.NoParent("a/b/c") || o.NoParent("nowhere") {
		t.Error("options")
	}
	if got := o.File("a/b"); got != "a/b/OWNERS" {
		t.Error(got)
	}
	var files []string
	for _, p := range o.Problems() {
		files = append(files, p.Path)
	}
	if got := strings.Join(files, " "); got != "f/OWNERS g/OWNERS h/OWNERS" {
		t.Errorf("problems: %v", o.Problems())
	}
}

func TestOnlyCollaborators(t *testing.T) {
	t.Parallel()
	o := read(t, Options{},
		"OWNERS", "approvers: [root]\n",
		"a/OWNERS", "approvers: [gone]\nreviewers: [ann, gone]\nrequired_reviewers: [gone]\noptions: {no_parent_owners: true}\n",
	).Only([]string{"Root", "ann"})
	if got := fmt.Sprintf("%v '%s' %v %v", o.Layers(Approvers, "a/x"), o.Dir(Approvers, "a/x"), o.Layers(Reviewers, "a/x"), o.Layers(RequiredReviewers, "a/x")); got != "[[root]] '' [[ann]] [[gone]]" {
		t.Error(got)
	}
	if got := o.Only(nil).TopLevel(); len(got) > 0 {
		t.Errorf("without collaborators there are approvers: %v", got)
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	files := []string{
		"OWNERS", "approvers: [root]\n",
		"docs/a.md", "---\r\napprovers: [ann]\r\n---\r\n# A\r\n",
		"docs/b.md", "---\ntitle: B\n---\n",
		"docs/c.md", "# C\n---\napprovers: [eve]\n---\n",
		"docs/d.md", "---\napprovers: {\n---\n",
	}
	o := read(t, Options{Markdown: true}, files...)
	for file, want := range map[string]string{
		"docs/a.md": "[[ann] [root]] docs/a.md", "docs/b.md": "[[root]] OWNERS",
		"docs/c.md": "[[root]] OWNERS", "docs/d.md": "[[root]] OWNERS",
	} {
		if got := fmt.Sprint(o.Layers(Approvers, file), " ", o.File(o.Dir(Approvers, file))); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
	if len(o.Problems()) != 1 || o.Problems()[0].Path != "docs/d.md" {
		t.Errorf("problems: %v", o.Problems())
	}
	if o := read(t, Options{}, files...); len(o.Layers(Approvers, "docs/a.md")) != 1 {
		t.Error("headers count although they are off")
	}
}

func TestWants(t *testing.T) {
	t.Parallel()
	o := Options{OwnersFile: "CODEOWNERS", Denylist: []*regexp.Regexp{regexp.MustCompile(`\.git$`), regexp.MustCompile(`vendor/.*/.*`)}}
	for file, want := range map[string]bool{
		"CODEOWNERS": true, "a/CODEOWNERS": true, "OWNERS_ALIASES": true, "a/OWNERS_ALIASES": false, "OWNERS": false,
		"x.git/CODEOWNERS": false, "x.git/y/CODEOWNERS": false, "vendor/CODEOWNERS": true, "vendor/a/b/CODEOWNERS": false,
		"vendor/a/b/c/CODEOWNERS": false, "README.md": false,
	} {
		if got := o.Wants(file); got != want {
			t.Errorf("wants %s = %v", file, got)
		}
	}
}

func TestBadAliases(t *testing.T) {
	t.Parallel()
	for _, aliases := range []string{"aliases:\n  team: ann\n", "aliases:\n  team: [1]\n", "aliases: [team]\n", "\t", strings.Repeat("#", maxFile+1)} {
		o := read(t, Options{}, "OWNERS", "approvers: [team]\n", "OWNERS_ALIASES", aliases)
		if len(o.Problems()) != 1 || fmt.Sprint(o.TopLevel()) != "[team]" {
			t.Errorf("%.40q: approvers %v, problems %v", aliases, o.TopLevel(), o.Problems())
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"OWNERS": {Data: []byte("approvers: [root]")}, "a/OWNERS": {Data: []byte("nowhere"), Mode: fs.ModeSymlink},
		"b/OWNERS/x": {}, "c/OWNERS": {Data: []byte("../OWNERS"), Mode: fs.ModeSymlink}, "c/x": {},
	}
	o, err := New(tree, []string{"OWNERS", "a/OWNERS", "b/OWNERS", "c/OWNERS", "OWNERS_ALIASES"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(o.Layers(Approvers, "a/x"), o.Layers(Approvers, "b/x"), o.Dir(Approvers, "c/x"), len(o.Problems())); got != "[[root]] [[root]]c3" {
		t.Errorf("%s: %v", got, o.Problems())
	}
}

func FuzzNew(f *testing.F) {
	for _, s := range []string{
		"approvers: [a, b]\n", "filters:\n  '.*': {approvers: [a]}\n  '\\.go$': {labels: [x]}\n", "options: {no_parent_owners: true}\n",
		"---\napprovers: [a]\n---\n", "approvers: {a: b}", "a: &a [*a]", "\x00", "{\"approvers\": [\"A\"]}", "approvers:\n- team\n- null\n",
	} {
		f.Add(s, "aliases: {team: [a]}")
	}
	f.Add("approvers: [team]", "aliases: {team: {x: }}")
	f.Fuzz(func(t *testing.T, owners, aliases string) {
		o := read(t, Options{Markdown: true}, "a/OWNERS", owners, "a/x.md", owners, "OWNERS", "approvers: [root]", "OWNERS_ALIASES", aliases)
		for _, file := range []string{"a/x.go", "a/x.md", "x"} {
			for role := range roles {
				for _, who := range o.Who(role, file) {
					if who == "" || role < Labels && who != norm(who) {
						t.Errorf("%q is named", who)
					}
				}
			}
			if d := o.Dir(Approvers, file); d != "" && len(o.Leaf(Approvers, file)) == 0 {
				t.Errorf("directory %q of %q has no approver", d, file)
			}
		}
		for _, p := range o.Problems() {
			if strings.Contains(p.Text, "\n") {
				t.Errorf("problem of several lines: %q", p.Text)
			}
		}
	})
}
