//go:build kubernetes && linux

package install_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/install"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// actor is one component with no rights but those of its service account, and
// the administrator who makes the world around it.
type actor struct {
	component, jobs, pods string
	as, admin             *rest.Config
	n                     int
}

// duty is one thing that a component does, by what it needs to be allowed.
type duty struct {
	needs string // resource and verb
	do    func(context.Context, *actor) error
}

// duties are those of every component; each holds for the components whose rules
// have what it needs.
func duties() []duty {
	return []duty{
		{"prowjobs list", func(ctx context.Context, a *actor) error {
			return a.withJobs(ctx, func(*kube.Jobs) error { return nil })
		}},
		{"prowjobs watch", func(ctx context.Context, a *actor) error {
			return a.withJobs(ctx, func(s *kube.Jobs) error {
				id := a.job(ctx)
				return await(ctx, func() (bool, error) {
					jobs, err := s.List(ctx, prow.JobFilter{})
					return slices.ContainsFunc(jobs, func(j *prow.Job) bool { return j.Name == id }), errors.Join(err, s.Healthy())
				})
			})
		}},
		{"prowjobs get", func(ctx context.Context, a *actor) error {
			return a.withJobs(ctx, func(s *kube.Jobs) error {
				if _, err := s.Get(ctx, "gone"); !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				return nil
			})
		}},
		{"prowjobs create", func(ctx context.Context, a *actor) error {
			return a.withJobs(ctx, func(s *kube.Jobs) error { return s.Create(ctx, script(a.name("made"))) })
		}},
		{"prowjobs patch", func(ctx context.Context, a *actor) error {
			id := a.job(ctx)
			return a.withJobs(ctx, func(s *kube.Jobs) error {
				_, err := s.Update(ctx, id, func(j *prow.Job) error { j.Status.Description = "changed"; return nil })
				return err
			})
		}},
		{"prowjobs delete", func(ctx context.Context, a *actor) error {
			id := a.job(ctx)
			return a.withJobs(ctx, func(s *kube.Jobs) error { return s.Delete(ctx, id) })
		}},
		{"prowstates list", func(ctx context.Context, a *actor) error {
			return a.withState(ctx, a.as, func(*kube.State) error { return nil })
		}},
		{"prowstates watch", func(ctx context.Context, a *actor) error {
			return a.withState(ctx, a.as, func(s *kube.State) error {
				name := a.name("m")
				a.must(a.withState(ctx, a.admin, func(s *kube.State) error { return s.Memory.Save(ctx, name, []byte("x")) }))
				return await(ctx, func() (bool, error) {
					_, err := s.Memory.Load(ctx, name)
					return err == nil, s.Healthy()
				})
			})
		}},
		{"prowstates get", largeWebhook},
		{"prowstates create", func(ctx context.Context, a *actor) error {
			if a.component == "hook" {
				return a.withState(ctx, a.as, func(s *kube.State) error {
					_, err := s.Inbox.Accept(ctx, delivery(a.name("d"), 10))
					return err
				})
			}
			return a.withState(ctx, a.as, func(s *kube.State) error { return s.Memory.Save(ctx, a.name("m"), []byte("x")) })
		}},
		{"prowstates patch", func(ctx context.Context, a *actor) error {
			name := a.name("m")
			a.must(a.withState(ctx, a.admin, func(s *kube.State) error { return s.Memory.Save(ctx, name, []byte("x")) }))
			return a.withState(ctx, a.as, func(s *kube.State) error { return s.Memory.Save(ctx, name, []byte("y")) })
		}},
		{"prowstates delete", forgetOld},
		{"leases create", func(ctx context.Context, a *actor) error { return a.lead(ctx) }},
		{"leases get", func(ctx context.Context, a *actor) error { return a.lead(ctx) }},
		{"leases update", func(ctx context.Context, a *actor) error {
			a.must(a.kubectl(ctx, `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"prow-`+a.component+`","namespace":"`+a.jobs+`"}}`, "apply", "-f", "-"))
			return a.lead(ctx)
		}},
		{"pods list", func(ctx context.Context, a *actor) error {
			return a.withPods(ctx, func(*kube.Runner) error { return nil })
		}},
		{"pods watch", func(ctx context.Context, a *actor) error {
			return a.withPods(ctx, func(r *kube.Runner) error {
				id := a.pod(ctx)
				return await(ctx, func() (bool, error) {
					_, err := r.Look(ctx, id)
					return err == nil, r.Clusters()["default"]
				})
			})
		}},
		{"pods create", func(ctx context.Context, a *actor) error {
			return a.withPods(ctx, func(r *kube.Runner) error { return r.Start(ctx, script(a.name("run"))) })
		}},
		{"pods get", func(ctx context.Context, a *actor) error {
			if a.component != "plank" {
				return a.inspect(ctx)
			}
			// before it was killed it had created the pod
			return a.withPods(ctx, func(r *kube.Runner) error { return r.Start(ctx, script(a.pod(ctx))) })
		}},
		{"pods patch", func(ctx context.Context, a *actor) error {
			id := a.pod(ctx)
			if a.component == "sinker" {
				a.must(a.kubectl(ctx, "", "-n", a.pods, "patch", "pod", id, "--type=merge", "-p", `{"metadata":{"finalizers":["prow.x-k8s.io/gcsk8sreporter"]}}`))
				return a.withPods(ctx, func(r *kube.Runner) error { return r.Remove(ctx, id) })
			}
			a.bind(ctx, id)
			return a.withPods(ctx, func(r *kube.Runner) error { return r.Stop(ctx, id, "It was aborted.") })
		}},
		{"pods delete", func(ctx context.Context, a *actor) error {
			id := a.pod(ctx)
			return a.withPods(ctx, func(r *kube.Runner) error { return r.Remove(ctx, id) })
		}},
		{"events list", func(ctx context.Context, a *actor) error { return a.inspect(ctx) }},
		{"pods/log get", func(ctx context.Context, a *actor) error {
			id := a.pod(ctx)
			a.bind(ctx, id)
			return a.withPods(ctx, func(r *kube.Runner) error {
				f, err := r.Logs(ctx, id, "", 0, false)
				if err == nil {
					return f.Close()
				}
				if apierrors.IsForbidden(err) {
					return err
				}
				return nil // there is no node to ask
			})
		}},
	}
}

// largeWebhook makes the actor read what has no room in one object, or, where
// webhooks are not its business, write what another process writes, too: then it
// must read what that one wrote.
func largeWebhook(ctx context.Context, a *actor) error {
	if slices.Contains([]string{"hook", "tide", "deck"}, a.component) {
		id := a.name("d")
		a.must(a.withState(ctx, a.admin, func(s *kube.State) error {
			_, err := s.Inbox.Accept(ctx, delivery(id, 3<<20))
			return err
		}))
		return a.withState(ctx, a.as, func(s *kube.State) error {
			_, err := s.Inbox.Delivery(ctx, id)
			return err
		})
	}
	name := a.name("m")
	return a.withState(ctx, a.admin, func(other *kube.State) error {
		return a.withState(ctx, a.as, func(s *kube.State) error {
			for i := range 40 {
				said := make(chan error, 1)
				go func() { said <- other.Memory.Save(ctx, name, fmt.Appendf(nil, "other %d", i)) }()
				err := s.Memory.Save(ctx, name, fmt.Appendf(nil, "own %d", i))
				a.must(<-said)
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// forgetOld makes the actor forget: tide what it remembered, the others webhooks.
func forgetOld(ctx context.Context, a *actor) error {
	name := a.name("x")
	if a.component == "tide" {
		a.must(a.withState(ctx, a.admin, func(s *kube.State) error { return s.Memory.Save(ctx, name, []byte("x")) }))
		return a.withState(ctx, a.as, func(s *kube.State) error { return s.Memory.Save(ctx, name, nil) })
	}
	a.must(a.withState(ctx, a.admin, func(s *kube.State) error {
		if _, err := s.Inbox.Accept(ctx, delivery(name, 10)); err != nil {
			return err
		}
		return await(ctx, func() (bool, error) {
			all, err := s.Inbox.Claim(ctx, time.Now(), 10)
			for _, d := range all {
				d.State, d.Handled = prow.DeliveryHandled, time.Now()
				err = errors.Join(err, s.Inbox.Settle(ctx, d))
			}
			return slices.ContainsFunc(all, func(d *prow.Delivery) bool { return d.ID == name }), err
		})
	}))
	return a.withState(ctx, a.as, func(s *kube.State) error { return s.Inbox.Prune(ctx, time.Now().Add(time.Hour)) })
}

func delivery(id string, size int) *prow.Delivery {
	body := make([]byte, size)
	rand.New(rand.NewSource(1)).Read(body) // so that it cannot be compressed
	return &prow.Delivery{ID: id, Event: "push", Received: time.Now(), Body: body}
}

func script(id string) *prow.Job {
	return prowtest.Job(id, prowtest.Script("true"), func(j *prow.Job) { j.Spec.DecorationConfig = nil })
}

// await returns when ready, or with the first refusal. Other errors pass.
func await(ctx context.Context, ready func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		ok, err := ready()
		if ok {
			return nil
		}
		if forbidden(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func forbidden(err error) bool { return err != nil && strings.Contains(err.Error(), "forbidden") }

// must ends the test where the administrator fails.
func (a *actor) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("%s: the world around it: %v", a.component, err))
	}
}

// name returns one that is not taken.
func (a *actor) name(of string) string {
	a.n++
	return fmt.Sprintf("%s-%d", of, a.n)
}

func (a *actor) kubectl(ctx context.Context, stdin string, args ...string) error {
	_, err := shared.Kubectl(ctx, []byte(stdin), args...)
	return err
}

// job makes a ProwJob, as another component does.
func (a *actor) job(ctx context.Context) string {
	j := script(a.name("job"))
	j.APIVersion, j.Kind, j.Namespace = prow.APIVersion, prow.Kind, a.jobs
	b, err := json.Marshal(j)
	a.must(err)
	a.must(a.kubectl(ctx, string(b), "create", "-f", "-"))
	return j.Name
}

// pod starts the pod of a job, as another process does.
func (a *actor) pod(ctx context.Context) string {
	id := a.name("pod")
	r, err := kube.NewRunner(kube.RunnerOptions{Clusters: map[string]*rest.Config{"default": a.admin}, Namespace: a.pods})
	a.must(err)
	defer r.Close()
	a.must(await(ctx, func() (bool, error) { return r.Clusters()["default"] == nil, nil }))
	a.must(r.Start(ctx, script(id)))
	return id
}

// bind puts a pod on a node, as the scheduler does.
func (a *actor) bind(ctx context.Context, pod string) {
	a.must(a.kubectl(ctx, `{"apiVersion":"v1","kind":"Binding","metadata":{"name":"`+pod+`","namespace":"`+a.pods+`"},"target":{"kind":"Node","name":"n"}}`, "create", "--raw",
		"/api/v1/namespaces/"+a.pods+"/pods/"+pod+"/binding", "-f", "-"))
}

func (a *actor) withJobs(ctx context.Context, do func(*kube.Jobs) error) error {
	s, err := kube.Open(ctx, kube.Options{Config: a.as, Namespace: a.jobs, Answer: a.component == "plank"})
	if err != nil {
		return err
	}
	defer s.Close()
	return do(s)
}

func (a *actor) withState(ctx context.Context, as *rest.Config, do func(*kube.State) error) (err error) {
	s, err := kube.OpenState(ctx, kube.StateOptions{Config: as, Namespace: a.jobs})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(s)
}

func (a *actor) withPods(ctx context.Context, do func(*kube.Runner) error) error {
	r, err := kube.NewRunner(kube.RunnerOptions{Clusters: map[string]*rest.Config{"default": a.as}, Namespace: a.pods})
	if err != nil {
		return err
	}
	defer r.Close()
	if err := await(ctx, func() (bool, error) { err := r.Clusters()["default"]; return err == nil, err }); err != nil {
		return err
	}
	return do(r)
}

// inspect looks at all there is to know of a pod.
func (a *actor) inspect(ctx context.Context) error {
	p, err := kube.NewPods(map[string]*rest.Config{"default": a.as}, a.pods, time.Now)
	a.must(err)
	info, err := p.Pod(ctx, script(a.pod(ctx)))
	if err == nil && info.Pod == nil {
		err = errors.New("the pod is not there")
	}
	return err
}

// lead holds the lead for a moment.
func (a *actor) lead(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	led := false
	err := kube.Election{Config: a.as, Namespace: a.jobs, Name: "prow-" + a.component, Identity: a.name("me")}.Lead(ctx, func(context.Context) error {
		led = true
		cancel()
		return nil
	})
	if err == nil && !led {
		err = errors.New("it never led")
	}
	return err
}

// newActor installs the split form in namespaces of its own and logs in as one
// component.
func newActor(t *testing.T, component string) *actor {
	t.Helper()
	a := &actor{component: component, jobs: "r-" + component, pods: "r-" + component + "-pods"}
	o := options()
	o.HA, o.Tekton, o.Upgrade, o.Namespace, o.PodNamespace, o.Jenkins.URL = true, true, true, a.jobs, a.pods, "http://jenkins"
	text, err := install.YAML(slices.DeleteFunc(render(t, o), func(x install.Object) bool {
		return x.Kind() == "CustomResourceDefinition" || x.Kind() == "Deployment" || x.Kind() == "PodDisruptionBudget"
	}))
	if err != nil {
		t.Fatal(err)
	}
	a.must(a.kubectl(t.Context(), string(text), "apply", "-f", "-"))
	token, err := shared.Kubectl(t.Context(), nil, "-n", a.jobs, "create", "token", "prow-"+component)
	if err != nil {
		t.Fatal(err)
	}
	config := func(token string) *rest.Config {
		return &rest.Config{Host: shared.URL, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAFile: shared.CA}, QPS: -1}
	}
	a.as, a.admin = config(strings.TrimSpace(token)), config(shared.Token)
	return a
}

// grant gives the component these rules of all, and waits until they hold: the
// one that is missing no more, all others yes.
func (a *actor) grant(t *testing.T, rules []install.Rule, missing *install.Rule) {
	t.Helper()
	ctx := t.Context()
	for _, place := range []install.Place{install.OfJobs, install.OfPods} {
		var here []install.Rule
		ns := a.jobs
		if place == install.OfPods {
			ns = a.pods
		}
		for _, r := range rules {
			if r.In == place {
				here = append(here, r)
			}
		}
		role := install.Role("prow-"+a.component, ns, here)
		b, err := json.Marshal(role)
		a.must(err)
		a.must(a.kubectl(ctx, string(b), "apply", "-f", "-"))
	}
	check := func(r install.Rule, verb string, want bool) {
		ns := a.jobs
		if r.In == install.OfPods {
			ns = a.pods
		}
		resource, sub, _ := strings.Cut(r.Resource, "/")
		attributes := map[string]string{"namespace": ns, "group": r.Group, "resource": resource, "subresource": sub, "verb": verb}
		if len(r.Names) > 0 {
			attributes["name"] = r.Names[0]
		}
		review, err := json.Marshal(map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": map[string]any{
			"user": "system:serviceaccount:" + a.jobs + ":prow-" + a.component, "resourceAttributes": attributes}})
		a.must(err)
		a.must(await(ctx, func() (bool, error) {
			b, err := shared.Do(ctx, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", bytes.NewReader(review), "Content-Type: application/json")
			var out struct{ Status struct{ Allowed bool } }
			return err == nil && json.Unmarshal(b, &out) == nil && out.Status.Allowed == want, nil
		}))
	}
	for _, r := range rules {
		for _, v := range r.Verbs {
			check(r, v.Name, true)
		}
	}
	if missing != nil {
		check(*missing, missing.Verbs[0].Name, false)
	}
}

// without returns rules less one verb of one of them.
func without(rules []install.Rule, i, j int) ([]install.Rule, install.Rule) {
	out := slices.Clone(rules)
	missing := out[i]
	missing.Verbs = out[i].Verbs[j : j+1]
	out[i].Verbs = slices.Delete(slices.Clone(out[i].Verbs), j, j+1)
	if len(out[i].Verbs) == 0 {
		out = slices.Delete(out, i, i+1)
	}
	return out, missing
}

// With its rules a component can do all of its duties; each verb that is taken
// away makes one of them fail.
func TestRules(t *testing.T) {
	if err := shared.Apply(t.Context(), kube.CRD); err != nil {
		t.Fatal(err)
	}
	if err := shared.Apply(t.Context(), kube.StateCRD); err != nil {
		t.Fatal(err)
	}
	for _, component := range append(install.Components(), "pipeline", "jenkins-operator") {
		t.Run(component, func(t *testing.T) {
			t.Parallel()
			var rules []install.Rule
			for _, r := range install.Rules(false, false, "") {
				if r.Component == component {
					rules = append(rules, r)
				}
			}
			a := newActor(t, component)
			a.grant(t, rules, nil)
			mine := map[string]duty{}
			for _, r := range rules {
				for _, v := range r.Verbs {
					if v.Why == "" {
						t.Errorf("%s %s has no reason", r.Resource, v.Name)
					}
					needs := r.Resource + " " + v.Name
					i := slices.IndexFunc(duties(), func(d duty) bool { return d.needs == needs })
					if i < 0 {
						t.Errorf("no duty needs %s", needs)
						continue
					}
					mine[needs] = duties()[i]
					if err := mine[needs].do(t.Context(), a); err != nil {
						t.Errorf("with all its rules it cannot do what needs %s (%s): %v", needs, v.Why, err)
					}
				}
			}
			for i, r := range rules {
				for j, v := range r.Verbs {
					some, missing := without(rules, i, j)
					a.grant(t, some, &missing)
					needs := r.Resource + " " + v.Name
					if needs == "leases create" {
						a.must(a.kubectl(t.Context(), "", "-n", a.jobs, "delete", "lease", "--all"))
					}
					err := mine[needs].do(t.Context(), a)
					if !forbidden(err) {
						t.Errorf("without %s it can all the same do what that is for (%s): %v", needs, v.Why, err)
					}
				}
			}
		})
	}
}
