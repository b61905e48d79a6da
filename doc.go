// Package prow holds the nouns of the system and the ports through which it
// reaches the world. Read this package and you know the house: what a job is,
// what can happen on a forge, and what few things the rest is built on.
//
// Everything Prow does is seven nouns handed on:
//
//	Event → Want → Job → Run → Check → Move → Merge
//
// The package imports the standard library and the Kubernetes API types (a
// PodSpec is part of Prow's language). It does no I/O.
package prow
