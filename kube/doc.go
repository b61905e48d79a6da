// Package kube is Prow on Kubernetes: jobs as ProwJob resources.
//
// Takes: jobs, through the ports of the root package, and whatever other clients
// do to the same resources. Gives: resources (prow.k8s.io/v1, as the original
// Prow's), and answers from a copy of them that a watch keeps true. Woken by: its
// callers and the API server.
//
// It speaks plain JSON over the connection that client-go makes from a
// kubeconfig. Nothing asks the API server what the watch has told already: one
// job costs it one request to create and one for each step of its state.
package kube
