package server

import "github.com/prow-ci/prow/kube"

// Definitions are those of Prow's resources in Kubernetes, YAML.
func Definitions() [][]byte { return [][]byte{kube.CRD, kube.StateCRD} }
