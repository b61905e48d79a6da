package install_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prow-ci/prow/config"
	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/kube"
)

func options() install.Options {
	return install.Options{
		Orgs: []string{"my-org"}, Token: []byte("ghp_secret"), Bucket: "gs://my-logs", URL: "https://prow.example.com",
		Image: "registry.example.com/prow/prow:v1", Version: "v1", Definitions: [][]byte{kube.CRD, kube.StateCRD},
	}
}

func render(t testing.TB, o install.Options) []install.Object {
	t.Helper()
	objects, err := install.Render(o)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func find(objects []install.Object, name string) install.Object {
	for _, o := range objects {
		if o.String() == name {
			return o
		}
	}
	return nil
}

func at(o install.Object, path ...string) any {
	var v any = map[string]any(o)
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

// The small form is few objects: eleven are Prow, and three hold what is the
// person's own.
func TestSmall(t *testing.T) {
	t.Parallel()
	o := options()
	var kinds []string
	for _, x := range render(t, o) {
		kinds = append(kinds, x.String())
	}
	want := []string{
		"Namespace prow", "Namespace test-pods", "CustomResourceDefinition prowjobs.prow.k8s.io", "CustomResourceDefinition prowstates.prow.k8s.io",
		"ServiceAccount prow/prow", "Role prow/prow", "RoleBinding prow/prow", "Role test-pods/prow", "RoleBinding test-pods/prow",
		"Secret prow/prow", "ConfigMap prow/config", "ConfigMap prow/plugins", "Service prow/prow", "Deployment prow/prow",
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("got %q\nwant %q", kinds, want)
	}
	o.Upgrade, o.Token = true, nil
	if n := len(render(t, o)); n != 11 { // docs/kubernetes.md says so
		t.Errorf("without what is the person's own there are %d objects, want 11", n)
	}
}

// Nobody gets a Secret mounted that its duty does not need.
func TestSecretsOnlyWhereNeeded(t *testing.T) {
	t.Parallel()
	o := options()
	o.HA, o.BucketCredentials, o.DatabaseURL, o.KubeconfigSecret, o.Tekton = true, []byte("{}"), []byte("postgres://x"), "builds", true
	objects := render(t, o)
	for component, want := range map[string]string{
		"hook": "github webhook database", "horologium": "database", "plank": "database kubeconfig", "sinker": "database kubeconfig",
		"crier": "github database bucket", "tide": "github database", "deck": "github database kubeconfig bucket", "pipeline": "database kubeconfig",
	} {
		d := find(objects, "Deployment prow/prow-"+component)
		var got []string
		volumes, _ := at(d, "spec", "template", "spec", "volumes").([]any)
		for _, v := range volumes {
			if v := v.(map[string]any); v["secret"] != nil {
				got = append(got, v["name"].(string))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s has the Secrets %q, want %q", component, s, want)
		}
	}
	if s := find(objects, "Secret test-pods/prow-bucket"); s == nil {
		t.Error("jobs have no credentials of the bucket")
	}
	for _, c := range []string{"plank", "sinker", "deck", "pipeline"} {
		if !slices.Contains(args(find(objects, "Deployment prow/prow-"+c)), "--kubeconfig-dir=/etc/kubeconfig") {
			t.Errorf("%s does not read the kubeconfigs", c)
		}
	}
	if want, err := install.Content(o); err != nil || want[len(want)-1].String() != "Secret prow/builds" {
		t.Errorf("--check does not ask for the kubeconfigs: %v, %v", want, err)
	}
	if find(objects, "CustomResourceDefinition prowstates.prow.k8s.io") != nil {
		t.Error("with a database ProwStates are defined all the same")
	}
}

func args(o install.Object) []string {
	var out []string
	containers, _ := at(o, "spec", "template", "spec", "containers").([]any)
	for _, c := range containers {
		list, _ := at(install.Object(c.(map[string]any)), "args").([]any)
		for _, a := range list {
			out = append(out, a.(string))
		}
	}
	return out
}

// Where there is a Jenkins, who runs its builds and who shows their logs are let in
// there, and nobody else is.
func TestJenkins(t *testing.T) {
	t.Parallel()
	o := options()
	o.Jenkins = install.Jenkins{URL: "https://jenkins.example.com", User: "prow", Token: []byte("t0ken"), CA: []byte("PEM"), Cert: []byte("PEM"), Key: []byte("PEM"), CSRF: true}
	flags := strings.Fields("--jenkins-url=https://jenkins.example.com --jenkins-user=prow --jenkins-token-file=/etc/jenkins/jenkins-token " +
		"--jenkins-cert-file=/etc/jenkins/jenkins-cert --jenkins-key-file=/etc/jenkins/jenkins-key --jenkins-ca-cert-file=/etc/jenkins/jenkins-ca --jenkins-csrf-protect")
	lets := func(objects []install.Object, deployment string) bool {
		d := find(objects, deployment)
		n := 0
		for _, f := range flags {
			if slices.Contains(args(d), f) {
				n++
			}
		}
		volumes, _ := at(d, "spec", "template", "spec", "volumes").([]any)
		mounted := slices.ContainsFunc(volumes, func(v any) bool { return v.(map[string]any)["name"] == "jenkins" })
		if n != 0 && n != len(flags) || mounted != (n > 0) {
			t.Errorf("%s has %d of %d flags, its files are mounted: %v", deployment, n, len(flags), mounted)
		}
		return n > 0
	}
	small := render(t, o)
	if !lets(small, "Deployment prow/prow") {
		t.Error("the one process knows no Jenkins")
	}
	for _, key := range []string{"jenkins-token", "jenkins-cert", "jenkins-key", "jenkins-ca"} {
		if at(find(small, "Secret prow/prow"), "data", key) == nil {
			t.Errorf("the Secret has no %s", key)
		}
	}
	if text, _ := at(find(small, "ConfigMap prow/config"), "data", "config.yaml").(string); !strings.Contains(text, "jenkins_operators:") {
		t.Errorf("the starter has no operator:\n%s", text)
	}
	o.HA = true
	split := render(t, o)
	for _, c := range append(install.Components(), "jenkins-operator") {
		if got, want := lets(split, "Deployment prow/prow-"+c), c == "jenkins-operator" || c == "deck"; got != want {
			t.Errorf("%s is let in at Jenkins: %v, want %v", c, got, want)
		}
	}
	if d := find(split, "Deployment prow/prow-jenkins-operator"); !slices.Contains(args(d), "--only=jenkins-operator") {
		t.Errorf("its process is started with %q", args(d))
	}
	for _, kind := range []string{"ServiceAccount", "Role", "RoleBinding"} {
		if find(split, kind+" prow/prow-jenkins-operator") == nil {
			t.Errorf("it has no %s", kind)
		}
		if find(split, kind+" test-pods/prow-jenkins-operator") != nil {
			t.Errorf("it has a %s where pods are, and makes none", kind)
		}
	}
	if want, err := install.Content(o); err != nil || len(install.Missing(want[0], find(render(t, options()), "Secret prow/prow"))) != 4 {
		t.Errorf("--check does not ask for what lets in at Jenkins: %v, %v", want, err)
	}
	if find(render(t, options()), "Deployment prow/prow-jenkins-operator") != nil || slices.Contains(args(find(render(t, options()), "Deployment prow/prow")), "--jenkins-url=") {
		t.Error("without a Jenkins there is an operator")
	}
}

// Each of several operators has a lease of its own, and the right to it.
func TestJenkinsLease(t *testing.T) {
	t.Parallel()
	o := options()
	o.HA, o.Jenkins = true, install.Jenkins{URL: "http://j", Selector: "on=fast"}
	o.Config = []byte("prowjob_namespace: prow\npod_namespace: test-pods\njenkins_operators: [{label_selector: on=slow}, {label_selector: on=fast}]")
	rules := fmt.Sprint(at(find(render(t, o), "Role prow/prow-jenkins-operator"), "rules"))
	name := install.LeaseOf("jenkins-operator", "on=fast")
	if name == install.LeaseOf("jenkins-operator", "on=slow") || !strings.Contains(rules, name) {
		t.Errorf("its lease is %s, and its rules are %s", name, rules)
	}
}

// What images are pulled with is where pods are that need it, Prow's and those of
// jobs.
func TestRegistry(t *testing.T) {
	t.Parallel()
	o := options()
	o.RegistryCredentials = []byte(`{"auths":{"registry.example.com":{"auth":"eDp5"}}}`)
	o.BucketCredentials = []byte("{}")
	objects := render(t, o)
	for account, ns := range map[string]string{"prow/prow": "prow", "test-pods/default": "test-pods"} {
		if got := fmt.Sprint(at(find(objects, "ServiceAccount "+account), "imagePullSecrets")); got != "[map[name:prow-registry]]" {
			t.Errorf("%s pulls with %s", account, got)
		}
		s := find(objects, "Secret "+ns+"/prow-registry")
		if text, _ := at(s, "data", ".dockerconfigjson").(string); at(s, "type") != "kubernetes.io/dockerconfigjson" || string(decode(t, text)) != string(o.RegistryCredentials) {
			t.Errorf("in %s there is %v", ns, s)
		}
	}
	asked, err := install.Content(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Secret prow/prow-registry", "Secret test-pods/prow-registry", "Secret test-pods/prow-bucket"} {
		if want := find(asked, name); want == nil || len(install.Missing(want, install.Object{})) != 1 || len(install.Missing(want, find(objects, name))) != 0 {
			t.Errorf("--check asks for %v of %s", want, name)
		}
	}
	o.Upgrade = true
	if find(render(t, o), "Secret prow/prow-registry") != nil || find(render(t, o), "ServiceAccount test-pods/default") == nil {
		t.Error("an upgrade prints Secrets, or forgets who uses them")
	}
}

// A build cluster gets an account, out of the reach of jobs, and what jobs use; of
// Prow itself nothing.
func TestBuildCluster(t *testing.T) {
	t.Parallel()
	objects, err := install.RenderBuildCluster(install.Options{Bucket: "s3://b", BucketCredentials: []byte("{}"), RegistryCredentials: []byte(`{"auths":{"r":{}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.String())
	}
	want := []string{
		"Namespace prow", "Namespace test-pods", "ServiceAccount prow/prow", "Role test-pods/prow", "RoleBinding test-pods/prow",
		"ServiceAccount test-pods/default", "Secret prow/prow-token", "Secret test-pods/prow-bucket", "Secret test-pods/prow-registry",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	_, err = install.RenderBuildCluster(install.Options{Namespace: "x", PodNamespace: "x", Bucket: "logs"})
	for _, want := range []string{"where a job could use Prow's Secrets", "want gs://NAME"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// The starter is a configuration that Prow serves without complaint.
func TestStarter(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*install.Options){
		"org":     func(*install.Options) {},
		"repos":   func(o *install.Options) { o.Orgs, o.Repos = nil, []string{"a/b", "a/c"} },
		"s3":      func(o *install.Options) { o.Bucket, o.BucketCredentials = "s3://logs", []byte("{}") },
		"gcs":     func(o *install.Options) { o.BucketCredentials = []byte("{}") },
		"jenkins": func(o *install.Options) { o.Jenkins.URL = "http://jenkins" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options()
			change(&o)
			objects := render(t, o)
			dir := t.TempDir()
			for m, file := range map[string]string{"config": "config.yaml", "plugins": "plugins.yaml"} {
				text, _ := at(find(objects, "ConfigMap prow/"+m), "data", file).(string)
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			paths := config.Paths{Config: filepath.Join(dir, "config.yaml"), PluginConfig: filepath.Join(dir, "plugins.yaml")}
			live, err := config.Open(t.Context(), paths, slog.New(slog.DiscardHandler), func(*config.Config) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			c := live.Current()
			if c.ProwJobNamespace != "prow" || c.PodNamespace != "test-pods" {
				t.Errorf("namespaces are %s and %s", c.ProwJobNamespace, c.PodNamespace)
			}
		})
	}
}

// Each refusal says what to do, and all are said at once.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		change func(*install.Options)
		want   []string
	}{
		"nothing": {func(o *install.Options) { *o = install.Options{Image: "a/b:c"} },
			[]string{"--github-token-file", "--github-org ORG or --github-repo ORG/REPO", "--bucket gs://NAME"}},
		"an org that is a repository": {func(o *install.Options) { o.Orgs = []string{"a/b"} }, []string{"a repository is --github-repo"}},
		"a repository that is an org": {func(o *install.Options) { o.Repos = []string{"a"} }, []string{"want owner/name"}},
		"one namespace for all":       {func(o *install.Options) { o.PodNamespace = "prow" }, []string{"where a job could use Prow's Secrets"}},
		"no namespace":                {func(o *install.Options) { o.Namespace = "My NS" }, []string{"want a namespace: small letters"}},
		"a bucket without a kind":     {func(o *install.Options) { o.Bucket = "logs" }, []string{"want gs://NAME, s3://NAME or azblob://NAME"}},
		"a host, not an address":      {func(o *install.Options) { o.URL = "prow.example.com" }, []string{"want an address such as https://"}},
		"an Ingress without a host":   {func(o *install.Options) { o.URL, o.IngressClass = "", "nginx" }, []string{"give --url"}},
		"Jenkins nowhere":             {func(o *install.Options) { o.Jenkins.User, o.Jenkins.Token = "u", []byte("t") }, []string{"give --jenkins-url"}},
		"Jenkins is a host":           {func(o *install.Options) { o.Jenkins.URL = "jenkins:8080" }, []string{"--jenkins-url \"jenkins:8080\": want an address such as"}},
		"Jenkins by half a user":      {func(o *install.Options) { o.Jenkins.URL, o.Jenkins.User = "http://j", "u" }, []string{"--jenkins-user and --jenkins-token-file go together"}},
		"Jenkins by user and bearer": {func(o *install.Options) {
			o.Jenkins = install.Jenkins{URL: "http://j", User: "u", Token: []byte("t"), Bearer: []byte("b")}
		}, []string{"with one or the other"}},
		"Jenkins by half a certificate":         {func(o *install.Options) { o.Jenkins.URL, o.Jenkins.Key = "http://j", []byte("k") }, []string{"--jenkins-cert-file and --jenkins-key-file go together"}},
		"Jenkins without an entry":              {func(o *install.Options) { o.Jenkins.URL, o.Config = "http://j", []byte("pod_namespace: p") }, []string{"add jenkins_operators: [{max_concurrency: 30}]"}},
		"Jenkins of an entry that is not there": {func(o *install.Options) { o.Jenkins.URL, o.Jenkins.Selector = "http://j", "on=fast" }, []string{"no entry of jenkins_operators has this label_selector"}},
		"no config.json":                        {func(o *install.Options) { o.RegistryCredentials = []byte("user:password") }, []string{"as docker login or podman login writes it"}},
		"a config.json that is empty":           {func(o *install.Options) { o.RegistryCredentials = []byte(`{"credsStore":"desktop"}`) }, []string{"of no use to nodes"}},
		"a Secret that has no name":             {func(o *install.Options) { o.KubeconfigSecret = "My Secret" }, []string{"--kubeconfig-secret"}},
		"no image":                              {func(o *install.Options) { o.Image = "" }, []string{"want an image such as"}},
	} {
		o := options()
		x.change(&o)
		_, err := install.Render(o)
		for _, want := range x.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v\nwant %q in it", name, err, want)
			}
		}
	}
}

func unpack(t *testing.T, objects []install.Object) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, o := range objects {
		size := 0
		data, _ := at(o, "data").(map[string]any)
		for k, v := range data {
			out[k], size = v.(string), size+len(v.(string))
		}
		binary, _ := at(o, "binaryData").(map[string]any)
		for k, v := range binary {
			size += len(v.(string))
			z, err := gzip.NewReader(bytes.NewReader(decode(t, v.(string))))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			out[k] = string(b)
		}
		if size > 1<<20 {
			t.Errorf("%s has %d bytes, and the API server takes 1 MiB", o, size)
		}
	}
	return out
}

// Configuration of any size goes into ConfigMaps and is the same when it is read.
func TestMaps(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(1))
	text := func(n int) []byte { // compresses to about half
		b := make([]byte, n)
		for i := range b {
			b[i] = "0123456789abcdef"[r.Intn(16)]
		}
		return b
	}
	for name, x := range map[string]struct {
		files, size, maps int
	}{
		"small":                {3, 1000, 1},
		"one compressed":       {3, 300 << 10, 1},
		"spread":               {60, 64 << 10, 8},
		"the same name thrice": {3, 10, 1},
	} {
		jobs := map[string][]byte{}
		for i := range x.files {
			file := fmt.Sprintf("org/jobs-%d.yaml", i)
			if name == "the same name thrice" {
				file = fmt.Sprintf("org-%d/jobs.yaml", i)
			}
			jobs[file] = text(x.size)
		}
		maps, err := install.Maps(install.Options{Namespace: "prow", Jobs: jobs})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(maps) != x.maps {
			t.Errorf("%s: %d ConfigMaps, want %d", name, len(maps), x.maps)
		}
		got := unpack(t, maps)
		if len(got) != x.files {
			t.Errorf("%s: %d files came back of %d", name, len(got), x.files)
		}
		for file, content := range jobs {
			key := filepath.Base(file)
			if name == "the same name thrice" {
				key = strings.ReplaceAll(file, "/", "-")
			}
			if got[key] != string(content) {
				t.Errorf("%s: %s came back changed", name, file)
			}
		}
	}
	for name, o := range map[string]install.Options{
		"3 MiB of noise in one file": {Namespace: "prow", Config: text(3 << 20)},
		"30 MiB of noise in jobs":    {Namespace: "prow", Jobs: map[string][]byte{"a.yaml": text(3 << 20)}},
	} {
		if _, err := install.Maps(o); err == nil {
			t.Errorf("%s: no complaint", name)
		}
	}
}

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// All files of a configuration, compressed as ConfigMaps have them, are read.
func TestCompressedIsRead(t *testing.T) {
	t.Parallel()
	padding := bytes.Repeat([]byte("# a long comment\n"), 20<<10)
	maps, err := install.Maps(install.Options{Namespace: "prow", Config: append(padding, "pod_namespace: mine"...),
		Plugins: append(padding, "plugins: {my-org: {plugins: [lgtm]}}"...),
		Jobs:    map[string][]byte{"a.yaml": append(padding, "periodics: [{name: p, interval: 1h, spec: {containers: [{image: i, command: [c]}]}}]"...)}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, m := range maps {
		binary, _ := at(m, "binaryData").(map[string]any)
		if len(binary) != 1 {
			t.Errorf("%s is not compressed", m)
		}
		for name, text := range binary {
			if err := os.WriteFile(filepath.Join(dir, name), decode(t, text.(string)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := config.Load(config.Paths{Config: filepath.Join(dir, "config.yaml"), PluginConfig: filepath.Join(dir, "plugins.yaml"), JobConfig: filepath.Join(dir, "a.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	if c.PodNamespace != "mine" || len(c.Plugins.Plugins) != 1 || len(c.Periodics) != 1 {
		t.Errorf("read was %s, %v, %v", c.PodNamespace, c.Plugins.Plugins, c.Periodics)
	}
	if jobs, pods, err := install.Namespaces(decode(t, at(maps[0], "binaryData", "config.yaml").(string))); err != nil || jobs != "default" || pods != "mine" {
		t.Errorf("namespaces are %s and %s, %v", jobs, pods, err)
	}
}
