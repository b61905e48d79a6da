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
	Timeout                     *Duration          `json:"timeout,omitempty"`
	GracePeriod                 *Duration          `json:"grace_period,omitempty"`
	UtilityImages               *UtilityImages     `json:"utility_images,omitempty"`
	Resources                   *Resources         `json:"resources,omitempty"`
	GCSConfiguration            *GCSConfiguration  `json:"gcs_configuration,omitempty"`
	GCSCredentialsSecret        *string            `json:"gcs_credentials_secret,omitempty"`
	S3CredentialsSecret         *string            `json:"s3_credentials_secret,omitempty"`
	DefaultServiceAccountName   *string            `json:"default_service_account_name,omitempty"`
	SSHKeySecrets               []string           `json:"ssh_key_secrets,omitempty"`
	SSHHostFingerprints         []string           `json:"ssh_host_fingerprints,omitempty"`
	BloblessFetch               *bool              `json:"blobless_fetch,omitempty"`
	SparseCheckoutFiles         []string           `json:"sparse_checkout_files,omitempty"`
	SkipCloning                 *bool              `json:"skip_cloning,omitempty"`
	CookiefileSecret            *string            `json:"cookiefile_secret,omitempty"`
	OauthTokenSecret            *SecretKey         `json:"oauth_token_secret,omitempty"`
	GitHubAPIEndpoints          []string           `json:"github_api_endpoints,omitempty"`
	GitHubAppID                 string             `json:"github_app_id,omitempty"`
	GitHubAppPrivateKeySecret   *SecretKey         `json:"github_app_private_key_secret,omitempty"`
	CensorSecrets               *bool              `json:"censor_secrets,omitempty"`
	CensoringOptions            *CensoringOptions  `json:"censoring_options,omitempty"`
	UploadIgnoresInterrupts     *bool              `json:"upload_ignores_interrupts,omitempty"`
	SetLimitEqualsMemoryRequest *bool              `json:"set_limit_equals_memory_request,omitempty"`
	DefaultMemoryRequest        *resource.Quantity `json:"default_memory_request,omitempty"`
	SchedulingOptions           *SchedulingOptions `json:"scheduling_options,omitempty"`
	PodPendingTimeout           *metav1.Duration   `json:"pod_pending_timeout,omitempty"`
	PodRunningTimeout           *metav1.Duration   `json:"pod_running_timeout,omitempty"`
	PodUnscheduledTimeout       *metav1.Duration   `json:"pod_unscheduled_timeout,omitempty"`
	RunAsUser                   *int64             `json:"run_as_user,omitempty"`
	RunAsGroup                  *int64             `json:"run_as_group,omitempty"`
	FsGroup                     *int64             `json:"fs_group,omitempty"`
}

// UtilityImages are the images of the four pod utilities.
type UtilityImages struct {
	CloneRefs  string `json:"clonerefs,omitempty"`
	InitUpload string `json:"initupload,omitempty"`
	Entrypoint string `json:"entrypoint,omitempty"`
	Sidecar    string `json:"sidecar,omitempty"`
}

// Resources are the resource requirements of the four pod utilities.
type Resources struct {
	CloneRefs       *corev1.ResourceRequirements `json:"clonerefs,omitempty"`
	InitUpload      *corev1.ResourceRequirements `json:"initupload,omitempty"`
	PlaceEntrypoint *corev1.ResourceRequirements `json:"place_entrypoint,omitempty"`
	Sidecar         *corev1.ResourceRequirements `json:"sidecar,omitempty"`
}

// GCSConfiguration says where the files of a run go. The name is historical:
// any bucket will do.
type GCSConfiguration struct {
	Bucket            string            `json:"bucket,omitempty"`
	PathPrefix        string            `json:"path_prefix,omitempty"`
	PathStrategy      string            `json:"path_strategy,omitempty"` // legacy, single, explicit
	DefaultOrg        string            `json:"default_org,omitempty"`
	DefaultRepo       string            `json:"default_repo,omitempty"`
	MediaTypes        map[string]string `json:"mediaTypes,omitempty"`
	JobURLPrefix      string            `json:"job_url_prefix,omitempty"`
	LocalOutputDir    string            `json:"local_output_dir,omitempty"`
	CompressFileTypes []string          `json:"compress_file_types,omitempty"`
}

// SecretKey names a key of a Kubernetes Secret.
type SecretKey struct {
	Name string `json:"name,omitempty"`
	Key  string `json:"key,omitempty"`
}

// CensoringOptions bound the search for secrets in artifacts.
type CensoringOptions struct {
	CensoringConcurrency *int64   `json:"censoring_concurrency,omitempty"`
	CensoringBufferSize  *int     `json:"censoring_buffer_size,omitempty"`
	IncludeDirectories   []string `json:"include_directories,omitempty"`
	ExcludeDirectories   []string `json:"exclude_directories,omitempty"`
	MinimumSecretLength  *int     `json:"minimum_secret_length,omitempty"`
}

// SchedulingOptions are used where the pod spec has none of its own.
type SchedulingOptions struct {
	Affinity    *corev1.Affinity    `json:"affinity,omitempty"`
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
