package prow

import (
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DecorationConfig says how Prow wraps a test: images, upload, time limits.
// Pointers distinguish absent, which inherits, from a set zero value.
type DecorationConfig struct {
	// Timeout is the time until the test is asked to stop, as text or nanoseconds. Default: 2h
	Timeout *Duration `json:"timeout,omitempty"`
	// GracePeriod is the time from then until it is killed. Default: 15s
	GracePeriod *Duration `json:"grace_period,omitempty"`
	// UtilityImages are the images of the pod utilities; all four are needed.
	UtilityImages *UtilityImages `json:"utility_images,omitempty"`
	// Resources are the resource requirements of the pod utilities.
	Resources *Resources `json:"resources,omitempty"`
	// GCSConfiguration says where the files of runs go; it is needed.
	GCSConfiguration *GCSConfiguration `json:"gcs_configuration,omitempty"`
	// GCSCredentialsSecret is the Secret with service-account.json for uploads to Google; "" is none. Default: the credentials of the machine
	GCSCredentialsSecret *string `json:"gcs_credentials_secret,omitempty"`
	// S3CredentialsSecret is the Secret with service-account.json for uploads to S3; "" is none.
	S3CredentialsSecret *string `json:"s3_credentials_secret,omitempty"`
	// DefaultServiceAccountName is the service account of pods that name none.
	DefaultServiceAccountName *string `json:"default_service_account_name,omitempty"`
	// SSHKeySecrets are Secrets with SSH keys for cloning; not with oauth_token_secret.
	SSHKeySecrets []string `json:"ssh_key_secrets,omitempty"`
	// SSHHostFingerprints are lines of known_hosts for cloning.
	SSHHostFingerprints []string `json:"ssh_host_fingerprints,omitempty"`
	// BloblessFetch fetches files only when they are needed. Default: false
	BloblessFetch *bool `json:"blobless_fetch,omitempty"`
	// SparseCheckoutFiles are patterns: only these files of the repository under test are checked out. Default: all
	SparseCheckoutFiles []string `json:"sparse_checkout_files,omitempty"`
	// SkipCloning leaves cloning out. Default: false
	SkipCloning *bool `json:"skip_cloning,omitempty"`
	// CookiefileSecret is the Secret with a cookie file for cloning: secret, or secret/key.
	CookiefileSecret *string `json:"cookiefile_secret,omitempty"`
	// OauthTokenSecret is the Secret with a token for cloning over https; not with ssh_key_secrets.
	OauthTokenSecret *SecretKey `json:"oauth_token_secret,omitempty"`
	// GitHubAPIEndpoints are addresses of GitHub's API, for cloning as a GitHub App. Default: [https://api.github.com]
	GitHubAPIEndpoints []string `json:"github_api_endpoints,omitempty"`
	// GitHubAppID is the id of the GitHub App that clones.
	GitHubAppID string `json:"github_app_id,omitempty"`
	// GitHubAppPrivateKeySecret is the Secret with the private key of that GitHub App.
	GitHubAppPrivateKeySecret *SecretKey `json:"github_app_private_key_secret,omitempty"`
	// CensorSecrets hides the values of the pod's Secrets in logs and artifacts. Default: false
	CensorSecrets *bool `json:"censor_secrets,omitempty"`
	// CensoringOptions bound the search for secrets.
	CensoringOptions *CensoringOptions `json:"censoring_options,omitempty"`
	// UploadIgnoresInterrupts waits for the test before uploading even if the pod is being stopped. Default: false
	UploadIgnoresInterrupts *bool `json:"upload_ignores_interrupts,omitempty"`
	// SetLimitEqualsMemoryRequest sets the memory limit of every container to its request. Default: false
	SetLimitEqualsMemoryRequest *bool `json:"set_limit_equals_memory_request,omitempty"`
	// DefaultMemoryRequest is the memory request of containers that have none. Example: 4Gi
	DefaultMemoryRequest *resource.Quantity `json:"default_memory_request,omitempty"`
	// SchedulingOptions are for pods that have none of their own.
	SchedulingOptions *SchedulingOptions `json:"scheduling_options,omitempty"`
	// PodPendingTimeout is the job's own plank.pod_pending_timeout. Default: plank's
	PodPendingTimeout *metav1.Duration `json:"pod_pending_timeout,omitempty"`
	// PodRunningTimeout is the job's own plank.pod_running_timeout. Default: plank's
	PodRunningTimeout *metav1.Duration `json:"pod_running_timeout,omitempty"`
	// PodUnscheduledTimeout is the job's own plank.pod_unscheduled_timeout. Default: plank's
	PodUnscheduledTimeout *metav1.Duration `json:"pod_unscheduled_timeout,omitempty"`
	// RunAsUser is the user id of the pod, where its spec names none.
	RunAsUser *int64 `json:"run_as_user,omitempty"`
	// RunAsGroup is the group id of the pod, where its spec names none.
	RunAsGroup *int64 `json:"run_as_group,omitempty"`
	// FsGroup is the group id of the pod's volumes, where its spec names none.
	FsGroup *int64 `json:"fs_group,omitempty"`
}

// UtilityImages are the images of the four pod utilities.
type UtilityImages struct {
	// CloneRefs clones the code.
	CloneRefs string `json:"clonerefs,omitempty"`
	// InitUpload uploads started.json.
	InitUpload string `json:"initupload,omitempty"`
	// Entrypoint runs the test.
	Entrypoint string `json:"entrypoint,omitempty"`
	// Sidecar uploads log and artifacts.
	Sidecar string `json:"sidecar,omitempty"`
}

// Resources are the resource requirements of the four pod utilities.
type Resources struct {
	// CloneRefs are those of clonerefs.
	CloneRefs *corev1.ResourceRequirements `json:"clonerefs,omitempty"`
	// InitUpload are those of initupload.
	InitUpload *corev1.ResourceRequirements `json:"initupload,omitempty"`
	// PlaceEntrypoint are those of place-entrypoint.
	PlaceEntrypoint *corev1.ResourceRequirements `json:"place_entrypoint,omitempty"`
	// Sidecar are those of sidecar.
	Sidecar *corev1.ResourceRequirements `json:"sidecar,omitempty"`
}

// GCSConfiguration says where the files of a run go. The name is historical:
// any bucket will do.
type GCSConfiguration struct {
	// Bucket is where the files go: gs://name, s3://name or another address; a bare name is gs. Example: gs://my-bucket
	Bucket string `json:"bucket,omitempty"`
	// PathPrefix is put before the path of every run.
	PathPrefix string `json:"path_prefix,omitempty"`
	// PathStrategy is explicit, single or legacy: how repositories are named in paths. Example: explicit
	PathStrategy string `json:"path_strategy,omitempty"`
	// DefaultOrg is the organisation that single and legacy leave out of paths.
	DefaultOrg string `json:"default_org,omitempty"`
	// DefaultRepo is the repository that single and legacy leave out of paths.
	DefaultRepo string `json:"default_repo,omitempty"`
	// MediaTypes are further content types by extension. Example: {log: text/plain}
	MediaTypes map[string]string `json:"mediaTypes,omitempty"`
	// JobURLPrefix is the job's own plank.job_url_prefix_config. Default: plank's
	JobURLPrefix string `json:"job_url_prefix,omitempty"`
	// LocalOutputDir is a directory that files are copied to instead of being uploaded.
	LocalOutputDir string `json:"local_output_dir,omitempty"`
	// CompressFileTypes are extensions of files that are stored gzipped; "*" is all. Example: [txt, json]
	CompressFileTypes []string `json:"compress_file_types,omitempty"`
}

// SecretKey names a key of a Kubernetes Secret.
type SecretKey struct {
	// Name is the name of the Secret.
	Name string `json:"name,omitempty"`
	// Key is the key in it.
	Key string `json:"key,omitempty"`
}

// CensoringOptions bound the search for secrets in artifacts.
type CensoringOptions struct {
	// CensoringConcurrency is how many files are looked at at a time. Default: 10
	CensoringConcurrency *int64 `json:"censoring_concurrency,omitempty"`
	// CensoringBufferSize is how many bytes are looked at at a time. Default: 10485760
	CensoringBufferSize *int `json:"censoring_buffer_size,omitempty"`
	// IncludeDirectories are globs below the artifacts: only these directories are looked at. Default: all
	IncludeDirectories []string `json:"include_directories,omitempty"`
	// ExcludeDirectories are globs below the artifacts: these directories are not looked at.
	ExcludeDirectories []string `json:"exclude_directories,omitempty"`
	// MinimumSecretLength leaves secrets alone that are shorter. Default: 0
	MinimumSecretLength *int `json:"minimum_secret_length,omitempty"`
}

// SchedulingOptions are used where the pod spec has none of its own.
type SchedulingOptions struct {
	// Affinity says which machines the pod is drawn to.
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// Tolerations say which tainted machines the pod may run on.
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
}

// Defaults of the entrypoint, used when the merged configuration has none.
const (
	DefaultTimeout     = 2 * time.Hour
	DefaultGracePeriod = 15 * time.Second
)

// Duration is read from text such as "2h30m" or from an integer count of
// nanoseconds, and written as text.
type Duration struct{ time.Duration }

// UnmarshalJSON reads text or nanoseconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var n int64
	if err := json.Unmarshal(b, &n); err == nil {
		d.Duration = time.Duration(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("duration %s: want text such as \"1h30m\" or nanoseconds", b)
	}
	var err error
	d.Duration, err = time.ParseDuration(s)
	return err
}

// MarshalJSON writes text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }
