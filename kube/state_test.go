//go:build kubernetes && linux

package kube_test

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/kube"
	"github.com/prow-ci/prow/prowtest"
	"k8s.io/client-go/rest"
)

// stateDefined makes the cluster know ProwStates, once.
var stateDefined = sync.OnceValue(func() error { return shared.Apply(context.Background(), kube.StateCRD) })

func openState(t testing.TB, config *rest.Config, namespace string, lease time.Duration) *kube.State {
	t.Helper()
	if err := stateDefined(); err != nil {
		t.Fatal(err)
	}
	s, err := kube.OpenState(t.Context(), kube.StateOptions{Config: config, Namespace: namespace, Lease: lease, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// shortLease is one that a test can wait for.
const shortLease = 3 * time.Second

func TestStateInbox(t *testing.T) {
	t.Parallel()
	prowtest.Inbox(t, func(t *testing.T) (prow.Inbox, func() prow.Inbox) {
		ns := shared.namespace(t)
		first := openState(t, shared.config(), ns, shortLease)
		return first.Inbox, func() prow.Inbox {
			kube.KillState(first)
			second := openState(t, shared.config(), ns, shortLease)
			kube.Join(t, second)
			kube.AwaitBurial(t, first)
			return second.Inbox
		}
	})
}

func TestStateMemory(t *testing.T) {
	t.Parallel()
	prowtest.Memory(t, func(t *testing.T) prow.Memory { return openState(t, shared.config(), shared.namespace(t), 0).Memory })
}

func TestStateJournal(t *testing.T) {
	t.Parallel()
	prowtest.Journal(t, func(t *testing.T) prow.Journal {
		return openState(t, shared.config(), shared.namespace(t), 0).Journal
	})
}

func TestTheStateDefinitionIsTheOneThatIsDeployed(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../deploy/crd/prowstate.yaml")
	if err != nil || string(b) != string(kube.StateCRD) {
		t.Errorf("deploy/crd/prowstate.yaml is not kube/statecrd.yaml: %v", err)
	}
}
