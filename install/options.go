package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
)

// Options say what is installed. Secrets are contents, not files.
type Options struct {
	Orgs, Repos []string // that the starter configuration serves
	// Namespace is Prow's own, JobNamespace that of ProwJobs, leases and what is
	// remembered, PodNamespace that of the pods of jobs. Default: prow, the same, and
	// test-pods.
	Namespace, JobNamespace, PodNamespace string
	// URL is how people and the forge reach Prow.
	URL string
	// Image is Prow's, UtilityImage that of the pod utilities; by default it is
	// podutil beside Image.
	Image, UtilityImage string
	// KubeconfigSecret names a Secret in Namespace, made by the person, whose keys are
	// kubeconfigs of build clusters.
	KubeconfigSecret string
	// Tekton lets Prow run jobs of the agent tekton-pipeline.
	Tekton bool
	// Jenkins lets Prow run jobs of the agent jenkins.
	Jenkins Jenkins
	// HA gives each component a Deployment of its own, and hook and deck two
	// replicas.
	HA bool
	// Upgrade leaves out what holds the person's own content: Secrets and ConfigMaps.
	Upgrade bool

	Token []byte // of the bot's account on the forge
	// AppID and AppKey are those of a GitHub App, in place of Token.
	AppID  string
	AppKey []byte
	HMAC   []byte // of the webhooks
	// Bucket is where logs and artifacts go, BucketCredentials what opens it; without
	// them the pods use what their nodes or service accounts have.
	Bucket            string
	BucketCredentials []byte
	// RegistryCredentials let nodes pull images, of Prow and of jobs: a config.json, as
	// docker login and podman login write it.
	RegistryCredentials []byte
	// DatabaseURL is the address of a Postgres for webhooks and memory. Database says
	// that there is one whose address is in the Secret already.
	DatabaseURL []byte
	Database    bool

	// Config, Plugins and Jobs are the configuration; without Config and Plugins a
	// starter is made.
	Config, Plugins []byte
	Jobs            map[string][]byte // by path

	// IngressClass and TLSSecret make an Ingress.
	IngressClass, TLSSecret string

	ForgeAPI, ForgeGraphQL, ForgeURL string // for another forge than github.com
	Args                             []string

	Version     string
	Definitions [][]byte // of the resources, YAML
}

// Defaults of Options.
const (
	DefaultNamespace    = "prow"
	DefaultPodNamespace = "test-pods"
)

var (
	namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	secretName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	reference     = regexp.MustCompile(`^[^\s@]+?(:[^/:\s]+|@sha256:[0-9a-f]{64})?$`)
)

// complete fills in defaults and says what is missing or wrong, all of it.
func (o *Options) complete() error {
	if o.Namespace == "" {
		o.Namespace = DefaultNamespace
	}
	if o.JobNamespace == "" {
		o.JobNamespace = o.Namespace
	}
	if o.PodNamespace == "" {
		o.PodNamespace = DefaultPodNamespace
	}
	if o.UtilityImage == "" {
		o.UtilityImage = utilityImage(o.Image)
	}
	o.Database = o.Database || len(o.DatabaseURL) > 0
	var faults []error
	say := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, n := range []struct{ flag, value string }{{"--namespace", o.Namespace}, {"prowjob_namespace", o.JobNamespace}, {"--pod-namespace", o.PodNamespace}} {
		if !namespaceName.MatchString(n.value) {
			say("%s %q: want a namespace: small letters, digits and hyphens, at most 63", n.flag, n.value)
		}
	}
	if o.PodNamespace == o.Namespace {
		say("the pods of jobs would run in Prow's own namespace %s, where a job could use Prow's Secrets: give --pod-namespace another", o.Namespace)
	}
	if !reference.MatchString(o.Image) {
		say("--image %q: want an image such as registry.example.com/prow/prow:v1", o.Image)
	}
	if o.URL != "" {
		if u, err := url.Parse(o.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			say("--url %q: want an address such as https://prow.example.com", o.URL)
		}
	} else if o.IngressClass != "" {
		say("an Ingress needs a host: give --url https://prow.example.com")
	}
	if o.KubeconfigSecret != "" && !secretName.MatchString(o.KubeconfigSecret) {
		say("--kubeconfig-secret %q: want the name of a Secret in namespace %s", o.KubeconfigSecret, o.Namespace)
	}
	o.URL = strings.TrimRight(o.URL, "/")
	faults = append(faults, o.Jenkins.faults()...)
	if !o.Upgrade {
		faults = append(faults, o.completeContent()...)
	}
	return errors.Join(faults...)
}

// completeContent checks what Secrets and ConfigMaps are made of.
func (o *Options) completeContent() (faults []error) {
	say := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch {
	case o.AppID != "" && len(o.AppKey) == 0:
		say("the GitHub App %s has no private key: give --github-app-private-key-file FILE, as GitHub lets you download it", o.AppID)
	case o.AppID == "" && len(o.AppKey) > 0:
		say("--github-app-private-key-file goes with --github-app-id: give both")
	case o.AppID != "" && len(o.Token) > 0:
		say("--github-token-file and --github-app-id: Prow is one or the other; leave one out")
	case o.AppID == "" && len(o.Token) == 0:
		say("no token for GitHub: put a token of the bot's account, with the scopes repo and read:org, into a file and give --github-token-file FILE; or be a GitHub App, with --github-app-id and --github-app-private-key-file")
	}
	starter := len(o.Config) == 0 || len(o.Plugins) == 0
	if starter && len(o.Orgs) == 0 && len(o.Repos) == 0 {
		say("what is to be served is not known: give --github-org ORG or --github-repo ORG/REPO, or your own --config and --plugins")
	}
	for _, org := range o.Orgs {
		if org == "" || strings.ContainsAny(org, "/ ") {
			say("--github-org %q: want the name of an organisation or user; a repository is --github-repo ORG/REPO", org)
		}
	}
	for _, repo := range o.Repos {
		if _, err := prow.ParseRepo(repo); err != nil {
			say("--github-repo: %w", err)
		}
	}
	if len(o.Config) == 0 && o.Bucket == "" {
		say("where logs and artifacts of jobs go is not known: give --bucket gs://NAME, s3://NAME or azblob://NAME, or your own --config")
	}
	faults = append(faults, o.credentialFaults()...)
	if err := o.jenkinsEntry(); err != nil {
		faults = append(faults, err)
	}
	return faults
}

// credentialFaults says what is wrong with what jobs use.
func (o *Options) credentialFaults() (faults []error) {
	say := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if scheme, _, ok := strings.Cut(o.Bucket, "://"); o.Bucket != "" && (!ok || !slices.Contains([]string{"gs", "s3", "azblob"}, scheme)) {
		say("--bucket %q: want gs://NAME, s3://NAME or azblob://NAME", o.Bucket)
	}
	if len(o.BucketCredentials) > 0 && o.bucketFlag() == "" {
		say("--bucket-credentials-file is of no use without --bucket gs://NAME or s3://NAME")
	}
	var docker struct{ Auths map[string]any }
	if len(o.RegistryCredentials) > 0 && (json.Unmarshal(o.RegistryCredentials, &docker) != nil || len(docker.Auths) == 0) {
		say(`--registry-credentials-file: want a config.json as docker login or podman login writes it, {"auths": {…}}; one that names a credential helper is of no use to nodes`)
	}
	return faults
}

// bucketFlag is the flag of `prow serve` that opens the bucket, "" if none does.
func (o *Options) bucketFlag() string {
	switch scheme, _, _ := strings.Cut(o.Bucket, "://"); scheme {
	case "gs":
		return "--gcs-credentials-file"
	case "s3":
		return "--s3-credentials-file"
	}
	return ""
}

// utilityImage is podutil in the registry, and of the version, of Prow's image.
func utilityImage(image string) string {
	image, _, _ = strings.Cut(image, "@")
	folder, name := "", image
	if i := strings.LastIndexByte(image, '/'); i >= 0 {
		folder, name = image[:i+1], image[i+1:]
	}
	_, tag, tagged := strings.Cut(name, ":")
	if tagged {
		tag = ":" + tag
	}
	return folder + "podutil" + tag
}
