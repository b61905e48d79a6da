package kube

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/prow-ci/prow/prowtest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func BenchmarkPack(b *testing.B) {
	for _, complete := range []bool{false, true} {
		b.Run(fmt.Sprintf("complete=%v", complete), func(b *testing.B) {
			j := prowtest.Job("x", prowtest.Usual(5, complete))
			j.UID, j.ResourceVersion = "u", "7"
			j.CreationTimestamp = metav1.NewTime(time.Now())
			raw, _ := json.Marshal(j)
			b.SetBytes(int64(len(raw)))
			var p packer
			for b.Loop() {
				id, _ := identify(raw)
				if _, err := p.pack(id, raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnpack(b *testing.B) {
	for _, complete := range []bool{false, true} {
		b.Run(fmt.Sprintf("complete=%v", complete), func(b *testing.B) {
			j := prowtest.Job("x", prowtest.Usual(5, complete))
			j.UID, j.ResourceVersion = "u", "7"
			raw, _ := json.Marshal(j)
			var p packer
			id, _ := identify(raw)
			e, err := p.pack(id, raw)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := p.unpack(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
