package config

import prow "github.com/prow-ci/prow"

// DecodeJob reads a ProwJob written as YAML or JSON, as leniently as job files.
// What the problems are about is left out of the job; some may only be warnings.
func DecodeJob(file string, data []byte) (*prow.Job, Problems) {
	j := &prow.Job{}
	return j, newCodec().decode(file, data, j, KindUnknown)
}
