package triage

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/plugin"
)

// SizeConfig is the section `size`: how many lines a class begins with.
type SizeConfig struct {
	// S is how many changed lines make a change small; below it is size/XS. Default: 10
	S int `json:"s,omitempty"`
	// M is how many changed lines make size/M. Default: 30
	M int `json:"m,omitempty"`
	// L is how many changed lines make size/L. Default: 100
	L int `json:"l,omitempty"`
	// XL is how many changed lines make size/XL. Default: 500
	XL int `json:"xl,omitempty"`
	// XXL is how many changed lines make size/XXL. Default: 1000
	XXL int `json:"xxl,omitempty"`
}

type size struct {
	section *plugin.Section[SizeConfig]
}

// Size says how large a change is.
func Size() plugin.Plugin {
	s := size{&plugin.Section[SizeConfig]{Key: "size", Check: checkSize}}
	return plugin.Plugin{
		Name:     "size",
		Doc:      "Tells how large a change is, by a label from `size/XS` to `size/XXL`. It counts changed lines, but not those of files that `.generated_files` names or `.gitattributes` marks `linguist-generated=true`.",
		OnPull:   s.onPull,
		Sections: []plugin.AnySection{s.section},
		Help: func(cfg *config.Config, _ prow.Repo) string {
			o := s.section.Of(cfg)
			return fmt.Sprintf("Classes begin at: XS 0, S %d, M %d, L %d, XL %d, XXL %d changed lines.", o.S, o.M, o.L, o.XL, o.XXL)
		},
		Snippet: "size:\n  s: 10\n  m: 30\n  l: 100\n  xl: 500\n  xxl: 1000\n",
	}
}

// checkSize fills in the defaults first, so that some may be left out.
func checkSize(o *SizeConfig) error {
	bounds, usual := []*int{&o.S, &o.M, &o.L, &o.XL, &o.XXL}, []int{10, 30, 100, 500, 1000}
	for i, b := range bounds {
		if *b == 0 {
			*b = usual[i]
		}
		if i > 0 && *b <= *bounds[i-1] {
			return fmt.Errorf("want ascending bounds, have s %d, m %d, l %d, xl %d, xxl %d", o.S, o.M, o.L, o.XL, o.XXL)
		}
	}
	return nil
}

// label returns the class of a change of n lines.
func (o *SizeConfig) label(n int) string {
	switch {
	case n < o.S:
		return "size/XS"
	case n < o.M:
		return "size/S"
	case n < o.L:
		return "size/M"
	case n < o.XL:
		return "size/L"
	case n < o.XXL:
		return "size/XL"
	}
	return "size/XXL"
}

func (s size) onPull(ctx context.Context, c *plugin.Call, e prow.PullEvent) error {
	if !slices.Contains([]string{"opened", "reopened", "synchronize", "edited"}, e.Action) {
		return nil
	}
	p, err := c.Pull(ctx)
	if err != nil {
		return err
	}
	files, err := c.Forge.Files(ctx, c.At)
	if err != nil {
		return fmt.Errorf("files of %s: %w", c.At, err)
	}
	g, err := generatedAt(ctx, c, p)
	if err != nil {
		return err
	}
	lines := 0
	for _, f := range files {
		if !g.has(f.Name) {
			lines += f.Additions + f.Deletions
		}
	}
	want := s.section.Of(c.Config).label(lines)
	for _, l := range p.Labels {
		if strings.HasPrefix(l, "size/") && l != want {
			if err := c.Forge.RemoveLabel(ctx, c.At, l); err != nil {
				return fmt.Errorf("label %s of %s: %w", l, c.At, err)
			}
		}
	}
	if slices.Contains(p.Labels, want) {
		return nil
	}
	return c.Forge.AddLabel(ctx, c.At, want)
}

// generatedAt reads what the base of the pull request says is generated. What
// cannot be understood there marks nothing.
func generatedAt(ctx context.Context, c *plugin.Call, p *prow.Pull) (*generated, error) {
	repo := c.Git.Repo(c.At.Repo)
	if err := repo.Ensure(ctx, []string{"refs/heads/" + p.Base}, p.BaseSHA); err != nil {
		return nil, fmt.Errorf("commit %s of %s: %w", p.BaseSHA, c.At.Repo, err)
	}
	files, err := repo.FS(ctx, p.BaseSHA)
	if err != nil {
		return nil, fmt.Errorf("files of %s at %s: %w", c.At.Repo, p.BaseSHA, err)
	}
	g := &generated{}
	if text, err := fs.ReadFile(files, ".generated_files"); err == nil {
		g.readList(text, func(name string) ([]byte, error) { return fs.ReadFile(files, name) })
	}
	if text, err := fs.ReadFile(files, ".gitattributes"); err == nil {
		g.readAttributes(text)
	}
	return g, nil
}
