package schema

import (
	"encoding/json"
	"fmt"
	"strings"
)

// exampleOf is a value for a key, in YAML on one line; "": its own keys have theirs.
func exampleOf(k *Key) string {
	if k.Example != "" {
		return k.Example
	}
	switch k.Default.(type) {
	case []any, map[string]any:
		return flow(k.Default)
	}
	return sample(k.Shape, k)
}

// flow writes a value on one line.
func flow(v any) string {
	b, _ := json.Marshal(v) // it came from JSON
	return strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">", `","`, `", "`).Replace(string(b))
}

// sample makes up a value where any will do to show the form.
func sample(s *Shape, k *Key) string {
	switch {
	case s.Kind == Boolean:
		return fmt.Sprint(k.Default != true && k.Said != "true")
	case s.Kind == Whole || s.Name == "duration":
		if text := fmt.Sprint(k.Default); k.Default != nil && text != "0" {
			return text
		}
		if literal.MatchString(k.Said) && k.Said != "0" {
			return k.Said
		}
		return map[bool]string{true: "5", false: "10m"}[s.Kind == Whole]
	case s.Name == "quantity":
		return "2Gi"
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Kind == Text && k.Default != nil && !strings.Contains(fmt.Sprint(k.Default), "<"):
		return flow(k.Default)
	case s.Kind == List:
		if e := sample(s.Elem, k); e != "" {
			return "[" + e + "]"
		}
	case s.Kind == Table:
		if e := sample(s.Elem, k); e != "" {
			return "{org/repo: " + e + "}"
		}
	}
	return ""
}
