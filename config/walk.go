package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// walk lists the .yaml and .yml files of fsys below dir, directory by directory,
// each in lexical order. Names that begin with ".." are a ConfigMap's machinery;
// .prowignore files hide what they name. shown is what dir is called in errors.
func walk(fsys fs.FS, dir, shown string) ([]string, error) {
	w := &walker{fsys: fsys, root: dir}
	w.dir(dir, nil, 0)
	if len(w.errs) > 0 {
		return w.files, fmt.Errorf("below %s: %w", shown, errors.Join(w.errs...))
	}
	return w.files, nil
}

// maxIgnore bounds the size of a .prowignore.
const maxIgnore = 1 << 20

// ignoreFile reads the rules of the .prowignore in dir, if there is one.
func ignoreFile(fsys fs.FS, dir string) []ignoreRule {
	name := path.Join(dir, ".prowignore")
	info, err := fs.Stat(fsys, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxIgnore {
		return nil
	}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil // nothing is hidden then, which is the safe side
	}
	return parseIgnore(dir, string(text))
}

// maxDepth ends the walk where symbolic links go round.
const maxDepth = 64

type walker struct {
	fsys  fs.FS
	root  string
	files []string
	errs  []error
}

func (w *walker) dir(dir string, rules []ignoreRule, depth int) {
	if depth > maxDepth {
		w.errs = append(w.errs, fmt.Errorf("%s: more than %d directories deep; is a symbolic link going round?", dir, maxDepth))
		return
	}
	rules = append(slices.Clip(rules), ignoreFile(w.fsys, dir)...)
	entries, err := fs.ReadDir(w.fsys, dir)
	if err != nil {
		w.errs = append(w.errs, err)
		return
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), "..") || ignored(rules, name, e.IsDir()) {
			continue
		}
		ext := path.Ext(e.Name())
		switch {
		case e.IsDir():
			w.dir(name, rules, depth+1)
		case ext == ".yaml" || ext == ".yml":
			w.files = append(w.files, name)
		}
	}
}
