package main

import (
	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/server"
	"github.com/spf13/pflag"
)

// jenkinsFlags find the Jenkins that runs jobs of the agent jenkins.
type jenkinsFlags struct {
	o             server.JenkinsOptions
	token, bearer string // files
}

func (j *jenkinsFlags) add(f *pflag.FlagSet) {
	f.StringVar(&j.o.URL, "jenkins-url", "", "address of the Jenkins that runs jobs of the agent jenkins; without it nobody runs them")
	f.StringVar(&j.o.User, "jenkins-user", "", "user of Jenkins, together with --jenkins-token-file")
	f.StringVar(&j.token, "jenkins-token-file", "", "file that holds the API token of that user; read again when it changes")
	f.StringVar(&j.bearer, "jenkins-bearer-token-file", "", "file that holds a bearer token for Jenkins, instead of user and token")
	f.StringVar(&j.o.CertFile, "jenkins-cert-file", "", "client certificate for Jenkins, PEM")
	f.StringVar(&j.o.KeyFile, "jenkins-key-file", "", "its key, PEM")
	f.StringVar(&j.o.CAFile, "jenkins-ca-cert-file", "", "certificate authority of Jenkins, PEM (default: those of the machine)")
	f.BoolVar(&j.o.CSRF, "jenkins-csrf-protect", false, "ask Jenkins for a crumb, which it wants where a user's password is the token")
	f.StringVar(&j.o.Selector, "jenkins-label-selector", "", "label_selector of the entry of jenkins_operators that this process works for; needed where there are several")
	// As the original's jenkins-operator calls them.
	f.StringVar(&j.o.CertFile, "cert-file", "", "")
	f.StringVar(&j.o.KeyFile, "key-file", "", "")
	f.StringVar(&j.o.CAFile, "ca-cert-file", "", "")
	f.BoolVar(&j.o.CSRF, "csrf-protect", false, "")
	f.StringVar(&j.o.Selector, "label-selector", "", "")
	for _, name := range []string{"cert-file", "key-file", "ca-cert-file", "csrf-protect", "label-selector"} {
		f.Lookup(name).Hidden = true
	}
	// Crier reports what became of every job.
	f.Bool("skip-report", false, "has no effect here")
	f.Lookup("skip-report").Hidden = true
}

// options returns nil where no Jenkins is named.
func (j *jenkinsFlags) options() *server.JenkinsOptions {
	if j.o.URL == "" {
		return nil
	}
	if j.token != "" {
		j.o.Token = server.SecretFile(j.token)
	}
	if j.bearer != "" {
		j.o.Bearer = server.SecretFile(j.bearer)
	}
	return &j.o
}

// jenkinsFiles are those of an installation that lets Jenkins run jobs.
type jenkinsFiles struct{ token, bearer, cert, key, ca string }

func (j *jenkinsFiles) add(f *pflag.FlagSet, o *install.Jenkins) {
	f.StringVar(&o.URL, "jenkins-url", "", "address of a Jenkins that runs jobs of the agent jenkins")
	f.StringVar(&o.User, "jenkins-user", "", "user of Jenkins, together with --jenkins-token-file")
	f.StringVar(&j.token, "jenkins-token-file", "", "file with the API token of that user")
	f.StringVar(&j.bearer, "jenkins-bearer-token-file", "", "file with a bearer token for Jenkins, instead of user and token")
	f.StringVar(&j.cert, "jenkins-cert-file", "", "file with a client certificate for Jenkins, PEM")
	f.StringVar(&j.key, "jenkins-key-file", "", "file with its key, PEM")
	f.StringVar(&j.ca, "jenkins-ca-cert-file", "", "file with the certificate authority of Jenkins, PEM (default: those that everybody trusts)")
	f.BoolVar(&o.CSRF, "jenkins-csrf-protect", false, "ask Jenkins for a crumb, which it wants where a user's password is the token")
	f.StringVar(&o.Selector, "jenkins-label-selector", "", "label_selector of the entry of jenkins_operators that is for this Jenkins; needed where there are several")
}

// read fills in what is in the files.
func (j *jenkinsFiles) read(o *install.Jenkins, read func(flag, file string, trim bool) []byte) {
	o.Token, o.Bearer = read("jenkins-token-file", j.token, true), read("jenkins-bearer-token-file", j.bearer, true)
	o.Cert, o.Key, o.CA = read("jenkins-cert-file", j.cert, false), read("jenkins-key-file", j.key, false), read("jenkins-ca-cert-file", j.ca, false)
}
