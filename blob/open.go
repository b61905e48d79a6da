package blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
)

// Options say how to log in. Files with credentials are read again when they
// change. Where none is given, the machine's own credentials are used, as the
// provider's own programs find them; where there are none either, a public bucket
// can be read.
type Options struct {
	GCSCredentials   string // file with a Google service account, as JSON
	S3Credentials    string // file with keys, region and endpoint, as JSON
	AzureCredentials string // file with an account and its key, as JSON
	// CookieLinks makes links to gs:// those that a Google login opens, in place
	// of signed ones.
	CookieLinks bool
}

// world is what stores need of it.
type world struct {
	client *http.Client
	now    prow.Clock
}

// Open opens the store at an address: gs://bucket, s3://bucket or azblob://container,
// each with a folder if that is to be the root, or a folder of this machine. A name
// alone is a bucket of Google's. What is opened is read until ctx ends. Nothing is
// asked of the store yet.
func Open(ctx context.Context, address string, o Options) (prow.Artifacts, error) {
	if strings.HasPrefix(address, "/") {
		return Dir(address)
	}
	if !strings.Contains(address, "://") && address != "" {
		address = "gs://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("artifacts: %w", err)
	}
	if u.Scheme == "file" {
		return Dir(u.Path)
	}
	b := &bucket{ctx: ctx, root: strings.TrimPrefix(strings.TrimSuffix(u.Path, "/")+"/", "/"), named: u.Scheme + "://" + u.Host}
	b.named = strings.TrimSuffix(b.named+"/"+b.root, "/")
	if u.Host == "" {
		return nil, errors.New("artifacts: " + address + " names no bucket")
	}
	w := world{newClient(), time.Now}
	switch u.Scheme {
	case "s3":
		b.s, err = openS3(o, u.Host, w)
	case "gs":
		b.s, err = openGCS(o, u.Host, w)
	case "azblob":
		b.s, err = openAzure(o, u.Host, w)
	default:
		return nil, errors.New("artifacts: " + address + ": want gs://, s3://, azblob:// or a folder")
	}
	if err != nil {
		return nil, fmt.Errorf("artifacts: %s: %w", b.named, err)
	}
	return b, nil
}
