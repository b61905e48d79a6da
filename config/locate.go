package config

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// tree is a file in which places are looked up.
type tree struct {
	data []byte
	root *yaml.Node

	lines lines
}

func treeOf(s *source) *tree {
	if s != nil && s.places != nil {
		return s.places
	}
	t := parseTree(s)
	if s != nil && s.keepPlaces {
		s.places = t
	}
	return t
}

func parseTree(s *source) *tree {
	t := &tree{data: s.text()}
	if s != nil && s.codec.roots != nil {
		if root, ok := s.codec.roots.Load(s.name); ok {
			t.root = root.(*yaml.Node)
			return t
		}
	}
	t.root, _, _ = parseNodes(t.data) // it was parsed before; without it places stay unknown
	return t
}

func (t *tree) line(n int) string { return t.lines.of(t.data, n) }

// find returns where the value at p stands; for a value that is not there, where
// it should be.
func (t *tree) find(p trail) (line, col int) {
	n := t.root
	if n == nil {
		return 0, 0
	}
	line, col = n.Line, n.Column
	for _, step := range p {
		for n.Kind == yaml.AliasNode && n.Alias != nil {
			n = n.Alias
		}
		key, value := child(n, step, 0)
		if value == nil {
			return line, col
		}
		line, col = value.Line, value.Column
		if key != nil && value.Kind != yaml.ScalarNode {
			line, col = key.Line, key.Column
		}
		n = value
	}
	return line, col
}

// child returns what is at one step below n: the last of doubled keys, and what
// << merges in where the key is not there itself.
func child(n *yaml.Node, step any, depth int) (key, value *yaml.Node) {
	if i, ok := step.(int); ok {
		if n.Kind == yaml.SequenceNode && i < len(n.Content) {
			return nil, n.Content[i]
		}
		return nil, nil
	}
	name, _ := step.(string)
	if n.Kind != yaml.MappingNode || depth > maxNesting {
		return nil, nil
	}
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		if strings.EqualFold(n.Content[i].Value, name) {
			return n.Content[i], n.Content[i+1]
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !isMerge(n.Content[i]) {
			continue
		}
		from := n.Content[i+1]
		for from.Kind == yaml.AliasNode && from.Alias != nil {
			from = from.Alias
		}
		if key, value = child(from, step, depth+1); value != nil {
			return key, value
		}
	}
	return nil, nil
}
