package config

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// shard merges a shard of plugins.yaml. What may not be sharded is a problem.
func (a *pluginAssembly) shard(f *pluginFile, at spot) {
	a.selectors(f, at)
	const where = "a shard may set approve, bugzilla, external_plugins, label.restricted_labels, lgtm, plugins, triggers and welcome"
	if f.Owners != nil {
		at.at("owners").hinted("is not for shards", where)
	}
	for _, k := range keysOf(f.Rest) {
		switch k {
		case "approve", "lgtm", "triggers", "welcome":
			a.list(k, f.Rest[k], at.at(k))
		case "label", "bugzilla":
			a.tree(k, f.Rest[k], at.at(k))
		default:
			if known := SectionNames(); !slices.Contains(known, k) {
				at.at(k).warn(KindUnknown, "is not a key that means anything here", strings.TrimPrefix(didYouMean(k, known), "; "))
				continue
			}
			at.at(k).hinted("is not for shards", where)
		}
	}
}

// list appends to a section that is a list.
func (a *pluginAssembly) list(key string, raw json.RawMessage, at spot) {
	var have, more []json.RawMessage
	if err := json.Unmarshal(raw, &more); err != nil {
		at.wrong("is not a list")
		return
	}
	if old := a.p.Sections[key]; old != nil && json.Unmarshal(old, &have) != nil {
		return // reported where the main file is read
	}
	a.set(key, append(have, more...), at)
}

// tree merges a section that is a mapping: the same leaf in two files is a problem.
func (a *pluginAssembly) tree(key string, raw json.RawMessage, at spot) {
	var have, more map[string]any
	if err := json.Unmarshal(raw, &more); err != nil {
		at.wrong("is not a mapping")
		return
	}
	for _, k := range keysOf(more) {
		if key == "label" && k != "restricted_labels" {
			at.at(k).hinted("is not for shards", "a shard may set label.restricted_labels")
			delete(more, k)
		}
	}
	if old := a.p.Sections[key]; old != nil && json.Unmarshal(old, &have) != nil {
		return
	}
	if have == nil {
		have = map[string]any{}
	}
	// Down to one repository's entry, the same key in two files is a conflict.
	mergeTree(have, more, at)
	a.set(key, have, at)
}

func mergeTree(to, from map[string]any, at spot) {
	for _, k := range keysOf(from) {
		old, ok := to[k]
		if !ok {
			to[k] = from[k]
			continue
		}
		oldMap, isMap := old.(map[string]any)
		newMap, isNewMap := from[k].(map[string]any)
		oldList, isList := old.([]any)
		newList, isNewList := from[k].([]any)
		switch {
		case isMap && isNewMap && k != "default" && k != "branches":
			mergeTree(oldMap, newMap, at.at(k))
		case isList && isNewList:
			to[k] = joinLabels(oldList, newList, at.at(k))
		default:
			at.at(k).hinted("is set in another file too", "a value may be set in one file only")
		}
	}
}

// joinLabels appends restricted labels; the same label twice is a problem.
func joinLabels(have, more []any, at spot) []any {
	label := func(v any) any {
		m, _ := v.(map[string]any)
		return m["label"]
	}
	for i, v := range more {
		for _, o := range have {
			if l := label(v); l != nil && l == label(o) {
				at.at(i, "label").hinted("is restricted in another file too", "a label may be restricted once")
			}
		}
		have = append(have, v)
	}
	return have
}

func (a *pluginAssembly) set(key string, v any, at spot) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		at.wrong(err.Error())
		return
	}
	a.p.Sections[key] = bytes.TrimSpace(b.Bytes())
	delete(a.p.written, key)
	if _, ok := a.p.Where[key]; !ok {
		a.p.Where[key] = Position{File: at.file} // of the first shard that has it
	}
}
