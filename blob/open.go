package blob

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Options say how to log in. Files with credentials are read again when they change.
type Options struct {
	GCSCredentials string // file with a Google service account; "" is the machine's own
	S3Credentials  string // file with S3 credentials; "" is the machine's own
}

// Open opens the store at an address: gs://bucket, s3://bucket, azblob://container,
// each with a folder if one is to be the root, or a folder of this machine. A name
// without a scheme and a slash is a bucket of Google's.
func Open(ctx context.Context, address string, o Options) (prow.Artifacts, error) {
	if strings.HasPrefix(address, "/") {
		return Dir(address)
	}
	if !strings.Contains(address, "://") {
		address = "gs://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("artifacts: %w", err)
	}
	switch u.Scheme {
	case "file":
		return Dir(u.Path)
	}
	return nil, errors.New("artifacts: " + address + ": want gs://, s3://, azblob:// or a folder")
}
