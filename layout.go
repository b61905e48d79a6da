package prow

import (
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Files of a run, below its directory in the artifacts.
const (
	StartedFile      = "started.json"
	FinishedFile     = "finished.json"
	ProwJobFile      = "prowjob.json"
	PodInfoFile      = "podinfo.json" // a PodInfo, of runs that are pods
	CloneRecordsFile = "clone-records.json"
	CloneLogFile     = "clone-log.txt"
	BuildLogFile     = "build-log.txt" // "<container>-build-log.txt" if the job has several
	ArtifactsDir     = "artifacts"
	LatestBuildFile  = "latest-build.txt"
)

// Dir returns the directory of j's files in the artifacts, as
// `logs/<job>/<build>` or `pr-logs/pull/…`. It is meaningful once the job has a
// build id.
func Dir(j *Job) string {
	return path.Join(prefix(j), jobDir(j), j.Status.BuildID)
}

// Bucket returns the address of the bucket that keeps j's files, as gs://name; ""
// where its decoration names none. A name alone is a bucket of Google's.
func Bucket(j *Job) string {
	c := gcs(j)
	switch {
	case c == nil || c.Bucket == "":
		return ""
	case strings.Contains(c.Bucket, "://"):
		return c.Bucket
	case strings.HasPrefix(c.Bucket, "/"): // a folder that all share
		return "file://" + c.Bucket
	}
	return "gs://" + c.Bucket
}

// Place returns the directory of j's files where artifacts of several buckets are
// one tree: Dir below the bucket, as `gs:name/logs/<job>/<build>`; Dir alone where no
// bucket is named.
func Place(j *Job) string {
	scheme, name, ok := strings.Cut(Bucket(j), "://")
	if !ok {
		return Dir(j)
	}
	return path.Join(scheme+":"+url.PathEscape(name), Dir(j))
}

// SplitPlace cuts what Place joined: the address of the bucket, "" if name has
// none, and the name in it.
func SplitPlace(name string) (bucket, rest string) {
	first, rest, _ := strings.Cut(name, "/")
	scheme, bucket, ok := strings.Cut(first, ":")
	if !ok || scheme == "" || bucket == "" {
		return "", name
	}
	bucket, err := url.PathUnescape(bucket)
	if err != nil {
		return "", name
	}
	if rest == "" {
		rest = "."
	}
	return scheme + "://" + bucket, rest
}

// LatestBuildFiles returns the files that hold the newest build id of j's job.
func LatestBuildFiles(j *Job) []string {
	if j.Spec.Type == Periodic || j.Spec.Type == Postsubmit {
		return []string{path.Join("logs", j.Spec.Job, LatestBuildFile)}
	}
	files := []string{path.Join("pr-logs", "directory", j.Spec.Job, LatestBuildFile)}
	if j.Spec.Type == Presubmit {
		files = append(files, path.Join(jobDir(j), LatestBuildFile))
	}
	return files
}

// AliasFile returns the file that holds the address of a presubmit's run, or
// "" for other types.
func AliasFile(j *Job) string {
	if j.Spec.Type != Presubmit {
		return ""
	}
	return path.Join("pr-logs", "directory", j.Spec.Job, j.Status.BuildID+".txt")
}

func prefix(j *Job) string {
	if c := gcs(j); c != nil {
		return c.PathPrefix
	}
	return ""
}

func gcs(j *Job) *GCSConfiguration {
	if j.Spec.DecorationConfig == nil {
		return nil
	}
	return j.Spec.DecorationConfig.GCSConfiguration
}

func jobDir(j *Job) string {
	switch j.Spec.Type {
	case Batch:
		return path.Join("pr-logs", "pull", "batch", j.Spec.Job)
	case Presubmit:
		number := "0"
		if p := j.Pull(); p != nil {
			number = strconv.Itoa(p.Number)
		}
		return path.Join("pr-logs", "pull", segment(j), number, j.Spec.Job)
	}
	return path.Join("logs", j.Spec.Job)
}

// segment is the part of a presubmit's path that names its repository, by the
// path strategy; explicit where none is configured.
func segment(j *Job) string {
	if j.Spec.Refs == nil {
		return ""
	}
	org, repo := j.Spec.Refs.Org, j.Spec.Refs.Repo
	if _, after, ok := strings.Cut(org, "://"); ok {
		org = after
	}
	full := org + "_" + strings.ReplaceAll(repo, "/", "_")
	c := gcs(j)
	if c == nil {
		return full
	}
	isDefault := org == c.DefaultOrg && repo == c.DefaultRepo
	switch {
	case c.PathStrategy == "single" && isDefault, c.PathStrategy == "legacy" && isDefault:
		return ""
	case c.PathStrategy == "legacy" && org == c.DefaultOrg:
		return repo
	}
	return full
}
