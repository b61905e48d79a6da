package install

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net/url"

	corev1 "k8s.io/api/core/v1"
)

// Jenkins is the one that runs jobs of the agent jenkins; without URL there is none.
// What lets in is content, not files: a user's Token, or Bearer, or a client
// certificate; without any Jenkins is asked as anonymous.
type Jenkins struct {
	URL           string
	User          string
	Token, Bearer []byte
	Cert, Key, CA []byte // PEM
	CSRF          bool   // ask for a crumb
	Selector      string // label_selector of the entry of jenkins_operators
}

// jenkinsOperator runs jobs of Jenkins, where there is one.
const jenkinsOperator = "jenkins-operator"

const jenkinsDir = "/etc/jenkins"

// LeaseOf names the election of a component. Of several Jenkins operators, told apart
// by their label selectors, each has its own jobs, and so its own leader.
func LeaseOf(component, selector string) string {
	if component != jenkinsOperator || selector == "" {
		return "prow-" + component
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(selector)) // it never fails
	return fmt.Sprintf("prow-%s-%08x", component, h.Sum32())
}

// file is one key of the Secret, and the flag of `prow serve` that reads it.
type file struct {
	key, flag string
	content   []byte
}

// files are those that let in at Jenkins.
func (j *Jenkins) files() (out []file) {
	for _, f := range []file{
		{"jenkins-token", "--jenkins-token-file", j.Token}, {"jenkins-bearer-token", "--jenkins-bearer-token-file", j.Bearer},
		{"jenkins-cert", "--jenkins-cert-file", j.Cert}, {"jenkins-key", "--jenkins-key-file", j.Key}, {"jenkins-ca", "--jenkins-ca-cert-file", j.CA},
	} {
		if len(f.content) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// args are those of a process that speaks with Jenkins.
func (j *Jenkins) args() []string {
	args := []string{"--jenkins-url=" + j.URL}
	if j.User != "" {
		args = append(args, "--jenkins-user="+j.User)
	}
	for _, f := range j.files() {
		args = append(args, f.flag+"="+jenkinsDir+"/"+f.key)
	}
	if j.CSRF {
		args = append(args, "--jenkins-csrf-protect")
	}
	if j.Selector != "" {
		args = append(args, "--jenkins-label-selector="+j.Selector)
	}
	return args
}

// volume holds the files, and no other key of the Secret.
func (j *Jenkins) volume() corev1.VolumeSource {
	s := &corev1.SecretVolumeSource{SecretName: secret}
	for _, f := range j.files() {
		s.Items = append(s.Items, corev1.KeyToPath{Key: f.key, Path: f.key})
	}
	return corev1.VolumeSource{Secret: s}
}

// faults says what is missing or wrong.
func (j *Jenkins) faults() (faults []error) {
	say := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if j.URL == "" {
		if j.User != "" || len(j.files()) > 0 || j.CSRF || j.Selector != "" {
			say("where Jenkins is is not known: give --jenkins-url https://jenkins.example.com")
		}
		return faults
	}
	if u, err := url.Parse(j.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		say("--jenkins-url %q: want an address such as https://jenkins.example.com", j.URL)
	}
	if (j.User == "") != (len(j.Token) == 0) {
		say("--jenkins-user and --jenkins-token-file go together: give both")
	}
	if cmp.Or(j.User, string(j.Token)) != "" && len(j.Bearer) > 0 {
		say("--jenkins-user and --jenkins-bearer-token-file: Jenkins is asked with one or the other; leave one out")
	}
	if (len(j.Cert) == 0) != (len(j.Key) == 0) {
		say("--jenkins-cert-file and --jenkins-key-file go together: give both")
	}
	return faults
}

// speaksWithJenkins reports whether a process does: to run builds, or to show their
// logs.
func (o *Options) speaksWithJenkins(p process) bool {
	return o.Jenkins.URL != "" && p.any(jenkinsOperator, "deck")
}
