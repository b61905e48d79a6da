package main

import (
	"context"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
)

func open(ctx context.Context, o *prow.GCSOptions) (prow.Artifacts, error) {
	if o.LocalOutputDir != "" {
		return blob.Dir(o.LocalOutputDir)
	}
	// There is one secret for stores that are not Google's: Azure's uses it too.
	return blob.Open(ctx, o.Bucket, blob.Options{GCSCredentials: o.GCSCredentialsFile, S3Credentials: o.S3CredentialsFile, AzureCredentials: o.S3CredentialsFile})
}
