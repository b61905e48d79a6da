package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/blob"
	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/hook"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/plugin"
)

// Finding is one thing that was looked at.
type Finding struct {
	Area  string `json:"area"`  // cluster, rights, storage…
	State string `json:"state"` // OK, Fault or Unknown
	Text  string `json:"text"`
	Fix   string `json:"fix,omitempty"` // what to do about it
}

// States of a Finding. Unknown is what could not be looked at.
const (
	OK      = "ok"
	Fault   = "fault"
	Unknown = "unknown"
)

// DoctorOptions say what is looked at.
type DoctorOptions struct {
	// Kubeconfig leads to the cluster; nil: Prow runs on this machine.
	Kubeconfig *kube.Kubeconfig
	Namespace  string // of Prow, in the cluster
	// Paths of the configuration; in a cluster, by default what its ConfigMaps hold.
	Paths     config.Paths
	TokenFile string
	HMACFile  string
	// URL is how people and the forge reach Prow; in a cluster, by default what its
	// Deployment says. So are the addresses of the forge's APIs.
	URL, ForgeAPI string
	WebhookPath   string
	Storage       blob.Options
	Data          string // folder of all state, on this machine
	Engine        string
	Now           prow.Clock
}

// doctor is one examination.
type doctor struct {
	DoctorOptions
	dir      string // for what was fetched; gone afterwards
	cfg      *config.Config
	plugins  *config.Plugins
	token    string
	app      *App // if we are a GitHub App
	hmac     []byte
	broken   map[string]error // contexts of the kubeconfig
	findings []Finding
}

// Doctor looks at everything that Prow needs, and says of each fault how it is
// mended. The error is that it could not look at all.
func Doctor(ctx context.Context, o DoctorOptions) ([]Finding, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.WebhookPath == "" {
		o.WebhookPath = "/hook"
	}
	d := &doctor{DoctorOptions: o}
	var err error
	if d.dir, err = os.MkdirTemp("", "prow-doctor-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(d.dir)
	if d.Kubeconfig != nil {
		d.lookAtCluster(ctx)
	} else {
		d.lookAtMachine(ctx)
	}
	d.lookAtConfig(ctx)
	d.lookAtContexts()
	d.lookAtStorage(ctx)
	d.lookAtForge(ctx)
	return d.findings, nil
}

func (d *doctor) ok(area, format string, args ...any) {
	d.findings = append(d.findings, Finding{area, OK, fmt.Sprintf(format, args...), ""})
}

func (d *doctor) fault(area, fix, format string, args ...any) {
	d.findings = append(d.findings, Finding{area, Fault, fmt.Sprintf(format, args...), fix})
}

func (d *doctor) unknown(area, fix, format string, args ...any) {
	d.findings = append(d.findings, Finding{area, Unknown, fmt.Sprintf(format, args...), fix})
}

// lookAtConfig loads the configuration the way the server does.
func (d *doctor) lookAtConfig(context.Context) {
	const area = "configuration"
	if d.Paths.Config == "" {
		d.unknown(area, "name it: --config-path config.yaml --plugin-config plugins.yaml", "no configuration to look at")
		return
	}
	cfg, err := config.Load(d.Paths)
	if err == nil {
		err = plugin.CheckSections(Plugins(), cfg)
	}
	if err != nil {
		var all config.Problems
		text := "it does not load: " + err.Error()
		if errors.As(err, &all) && len(all) > 1 {
			text = fmt.Sprintf("it does not load; the first of %d faults: %v", len(all), all[0])
		}
		d.fault(area, "prow checkconfig tells more of it; a running Prow stays with the last good one", "%s", text)
		return
	}
	d.cfg, d.plugins = cfg, cfg.Plugins
	jobs := len(cfg.Periodics)
	for _, of := range cfg.PresubmitsStatic {
		jobs += len(of)
	}
	for _, of := range cfg.PostsubmitsStatic {
		jobs += len(of)
	}
	served := strings.Join(d.served(), ", ")
	if len(served) > 200 {
		served = served[:200] + "…"
	}
	d.ok(area, "it loads: jobs: %d, plugins for: %s", jobs, cmp.Or(served, "nobody"))
	d.lookAtImages()
}

// served are the organisations and repositories that plugins run for.
func (d *doctor) served() []string {
	if d.plugins == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(d.plugins.Plugins))
}

// decorations are the defaults for jobs.
func (d *doctor) decorations() []*prow.DecorationConfig {
	var out []*prow.DecorationConfig
	for _, e := range d.cfg.Plank.DefaultDecorationEntries {
		if e.Config != nil {
			out = append(out, e.Config)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.cfg.Plank.DefaultDecorationConfigs)) {
		if c := d.cfg.Plank.DefaultDecorationConfigs[key]; c != nil {
			out = append(out, c)
		}
	}
	return out
}

// lookAtImages sees that every image of the utilities is one that nodes can pull.
func (d *doctor) lookAtImages() {
	const area = "images"
	if d.Kubeconfig == nil {
		return
	}
	var local []string
	for _, e := range d.decorations() {
		u := e.UtilityImages
		if u == nil {
			continue
		}
		for _, image := range []string{u.CloneRefs, u.InitUpload, u.Entrypoint, u.Sidecar} {
			if strings.HasPrefix(image, "prow.local/") && !slices.Contains(local, image) {
				local = append(local, image)
			}
		}
	}
	if len(local) > 0 {
		d.unknown(area, "push them to your registry and name them in plank.default_decoration_config_entries, unless every node has them: docs/images.md",
			"the utility images %s come from no registry", strings.Join(local, ", "))
	}
}

// lookAtStorage writes a file to every bucket that jobs use by default, and reads it.
func (d *doctor) lookAtStorage(ctx context.Context) {
	if d.cfg == nil || d.Kubeconfig == nil { // on one machine it is the data folder
		return
	}
	var buckets []string
	for _, e := range d.decorations() {
		if e.GCSConfiguration != nil && e.GCSConfiguration.LocalOutputDir == "" {
			if b := e.GCSConfiguration.Bucket; b != "" && !slices.Contains(buckets, b) {
				buckets = append(buckets, b)
			}
		}
	}
	if len(buckets) == 0 {
		d.fault("storage", "set plank.default_decoration_config_entries[0].config.gcs_configuration.bucket", "no bucket for logs and artifacts is named")
	}
	for _, b := range buckets {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		if err := probe(ctx, b, d.Storage, d.Now()); err != nil {
			d.fault("storage", "see that the bucket exists, and that --gcs-credentials-file or --s3-credentials-file (in a cluster: the Secret prow, key bucket) may write to it", "%s: %v", b, err)
		} else {
			d.ok("storage", "%s can be written and read (%s)", b, probeName)
		}
		cancel()
	}
}

// probeName is the file that is written, again and again the same.
const probeName = "prow-doctor.txt"

func probe(ctx context.Context, address string, o blob.Options, now time.Time) error {
	store, err := blob.Open(ctx, address, o)
	if err != nil {
		return err
	}
	text := "written by prow doctor at " + now.UTC().Format(time.RFC3339Nano) + "\n"
	w, err := store.Create(ctx, probeName)
	if err != nil {
		return fmt.Errorf("cannot be written: %w", err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return errors.Join(fmt.Errorf("cannot be written: %w", err), w.Close())
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("cannot be written: %w", err)
	}
	return reread(store, text)
}

func reread(store prow.Artifacts, want string) error {
	f, err := store.Open(probeName)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	defer f.Close()
	b := make([]byte, len(want)+1)
	n, _ := f.Read(b) // what is missing shows below
	if string(b[:n]) != want {
		return fmt.Errorf("what was written reads differently: %q", b[:n])
	}
	return nil
}

// secretFiles reads token and webhook secret from their files, where they are files.
func (d *doctor) secretFiles(ctx context.Context) {
	if d.TokenFile != "" {
		token, err := SecretFile(d.TokenFile)(ctx)
		if err != nil {
			d.fault("forge", "put a token of the bot's account, scopes repo and read:org, into the file of --github-token-path", "%v", err)
		}
		d.token = token
	}
	if d.HMACFile != "" {
		b, err := os.ReadFile(d.HMACFile)
		if err != nil {
			d.fault("webhooks", "put a random text into the file of --hmac-secret-file: openssl rand -hex 20", "%v", err)
		}
		d.hmac = b
	}
}

// hmacWorks sees that the webhook secret can be understood.
func (d *doctor) hmacWorks() {
	if d.hmac == nil {
		return
	}
	if _, err := hook.ParseSecrets(d.hmac); err != nil {
		d.fault("webhooks", "write one secret, or a YAML map of org/repo, org or * to several; until then no webhook is accepted", "the webhook secret: %v", err)
	}
}

// host is that of an address, for texts.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.Host
}
