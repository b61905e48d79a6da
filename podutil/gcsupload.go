package podutil

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	prow "github.com/prow-ci/prow"
)

// GCSUpload uploads files and folders to where the files of a run are.
func (x *Utility) GCSUpload(ctx context.Context, o *prow.GCSOptions, spec prow.JobSpec) error {
	if len(o.Items) == 0 {
		return errors.New("no items were given: there is nothing to upload")
	}
	u, err := x.upload(ctx, o, spec)
	if err != nil {
		return err
	}
	u.items(folder{}, o.Items)
	if err := x.report(u); err != nil {
		return fmt.Errorf("not all could be uploaded: %w", err)
	}
	return nil
}

// items uploads files, and folders with what is below, under their base names.
func (u *upload) items(in folder, items []string) {
	for _, item := range items {
		item = filepath.Clean(item)
		if root, err := in.root(item); err == nil {
			u.artifacts(root, filepath.Base(item))
			_ = root.Close() // it was only read
			continue
		}
		root, err := in.root(filepath.Dir(item)) // a file, then
		if errors.Is(err, fs.ErrNotExist) {
			u.warn("%s was left out: it does not exist", item)
			continue
		}
		if err != nil {
			u.fail(err)
			continue
		}
		u.artifact(root, filepath.Base(item), "")
		_ = root.Close() // it was only read
	}
}
