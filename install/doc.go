// Package install says what Prow is on Kubernetes: the objects of an
// installation, and what each component may do there and why.
//
// Takes: what a person says of the installation, contents of files included.
// Gives: objects for `kubectl apply`, and in how far a cluster differs from
// them. It asks nothing of a cluster itself. Woken by: its caller.
package install
