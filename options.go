package prow

import "time"

// Environment variables that carry the options of the pod utilities, as JSON.
// Old utilities run under new controllers and the reverse: the keys stay.
const (
	CloneRefsOptionsEnv  = "CLONEREFS_OPTIONS"
	InitUploadOptionsEnv = "INITUPLOAD_OPTIONS"
	EntrypointOptionsEnv = "ENTRYPOINT_OPTIONS"
	SidecarOptionsEnv    = "SIDECAR_OPTIONS"
	GCSUploadOptionsEnv  = "GCSUPLOAD_OPTIONS"
	JobSpecEnv           = "JOB_SPEC"
)

// CloneRefsOptions say what clonerefs checks out, and how it may.
type CloneRefsOptions struct {
	SrcRoot     string `json:"src_root,omitempty"` // clones go below its src folder
	Log         string `json:"log,omitempty"`      // file for the records of the clones
	GitUserName string `json:"git_user_name,omitempty"`
	GitEmail    string `json:"git_user_email,omitempty"`
	Refs        []Refs `json:"refs,omitempty"`
	// KeyFiles are files, or folders of files, with SSH keys.
	KeyFiles         []string `json:"key_files,omitempty"`
	OauthTokenFile   string   `json:"oauth_token_file,omitempty"`
	HostFingerprints []string `json:"host_fingerprints,omitempty"` // lines of known_hosts
	// MaxParallelWorkers bounds the clones at one time; 0 is all at once.
	MaxParallelWorkers int    `json:"max_parallel_workers,omitempty"`
	Fail               bool   `json:"fail,omitempty"` // exit non-zero if a clone failed
	CookiePath         string `json:"cookie_path,omitempty"`
	// The GitHub app that makes tokens for cloning; they come together.
	GitHubAPIEndpoints      []string `json:"github_api_endpoints,omitempty"`
	GitHubAppID             string   `json:"github_app_id,omitempty"`
	GitHubAppPrivateKeyFile string   `json:"github_app_private_key_file,omitempty"`
}

// GCSOptions say what is uploaded, where to and with which credentials. The
// fields of GCSConfiguration stand beside the others in JSON.
type GCSOptions struct {
	Items  []string `json:"items,omitempty"`   // files and folders
	SubDir string   `json:"sub_dir,omitempty"` // below the directory of the run
	*GCSConfiguration
	GCSCredentialsFile string `json:"gcs_credentials_file,omitempty"`
	S3CredentialsFile  string `json:"s3_credentials_file,omitempty"`
	DryRun             bool   `json:"dry_run"`
}

// InitUploadOptions are GCSOptions and the file of clonerefs' records, "" if
// nothing was cloned.
type InitUploadOptions struct {
	GCSOptions
	Log string `json:"log,omitempty"`
}

// WrapperOptions are what entrypoint and sidecar have to agree on for one test
// container.
type WrapperOptions struct {
	Args          []string `json:"args,omitempty"` // the command of the test
	ContainerName string   `json:"container_name,omitempty"`
	ProcessLog    string   `json:"process_log"`
	MarkerFile    string   `json:"marker_file"` // holds the exit code once the test has ended
	MetadataFile  string   `json:"metadata_file"`
}

// EntrypointOptions say how one test container's command is run.
type EntrypointOptions struct {
	Timeout     time.Duration `json:"timeout"`      // nanoseconds; 0 is DefaultTimeout
	GracePeriod time.Duration `json:"grace_period"` // nanoseconds; 0 is DefaultGracePeriod
	ArtifactDir string        `json:"artifact_dir,omitempty"`
	// PreviousMarker is waited for before the command starts; if it does not say
	// 0, the command does not.
	PreviousMarker     string `json:"previous_marker,omitempty"`
	AlwaysZero         bool   `json:"always_zero,omitempty"` // exit 0, whatever the command did
	PropagateErrorCode bool   `json:"propagate_error_code,omitempty"`
	CopyModeOnly       bool   `json:"copy_mode_only,omitempty"` // copy the own binary to CopyDst, and nothing else
	CopyDst            string `json:"copy_dst,omitempty"`
	WrapperOptions
}

// SidecarOptions say what sidecar waits for, hides and uploads.
type SidecarOptions struct {
	GCSOptions *GCSOptions      `json:"gcs_options,omitempty"`
	Entries    []WrapperOptions `json:"entries,omitempty"`
	// EntryError asks for a non-zero exit if an entry failed.
	EntryError         bool                     `json:"entry_error,omitempty"`
	IgnoreInterrupts   bool                     `json:"ignore_interrupts,omitempty"`
	WriteMemoryProfile bool                     `json:"write_memory_profile,omitempty"`
	CensoringOptions   *SidecarCensoringOptions `json:"censoring_options,omitempty"`

	// Older forms, which are read and not written: a single entry, and some of
	// the censoring options. The latter and CensoringOptions exclude each other.
	WrapperOptions       *WrapperOptions `json:"wrapper_options,omitempty"`
	SecretDirectories    []string        `json:"secret_directories,omitempty"`
	CensoringConcurrency *int64          `json:"censoring_concurrency,omitempty"`
	CensoringBufferSize  *int            `json:"censoring_buffer_size,omitempty"`
}

// SidecarCensoringOptions say which secrets are hidden, and where.
type SidecarCensoringOptions struct {
	SecretDirectories    []string `json:"secret_directories,omitempty"` // every file below is a secret
	CensoringConcurrency *int64   `json:"censoring_concurrency,omitempty"`
	CensoringBufferSize  *int     `json:"censoring_buffer_size,omitempty"`
	IncludeDirectories   []string `json:"include_directories,omitempty"`
	ExcludeDirectories   []string `json:"exclude_directories,omitempty"`
	IniFilenames         []string `json:"ini_filenames,omitempty"` // files whose values are secrets
	MinimumSecretLength  *int     `json:"minimum_secret_length,omitempty"`
}
