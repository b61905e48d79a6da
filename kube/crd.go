package kube

import _ "embed"

// CRD is the definition of ProwJobs for `kubectl apply`, the same as
// deploy/crd/prowjob.yaml.
//
//go:embed crd.yaml
var CRD []byte
