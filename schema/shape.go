package schema

import "strings"

// Shape is what a value may look like.
type Shape struct {
	Kind Kind
	// Name is that of a definition, for shapes that many keys share; "" stands
	// where it is used.
	Name string
	Doc  string
	Keys []*Key // of an Object
	// Elem is that of a List or a Table.
	Elem *Shape
	// Enum lists the words that will do, Pattern is an expression they match; both
	// are of Text.
	Enum    []string
	Pattern string
	// Loose: numbers and booleans are taken for text.
	Loose bool
	// Or lists further shapes that will do.
	Or []*Shape
	// Tolerant is an expression of further keys of an Object that are let be; "":
	// those that every object lets be.
	Tolerant string
	// Words say what a shape of many forms looks like, instead of naming each.
	Words string
	// Foreign: defined by Kubernetes, and described there.
	Foreign bool
}

// Kind is the basic form of a value.
type Kind int

// The kinds.
const (
	Anything Kind = iota
	Text
	Boolean
	Whole
	Number
	List
	Table  // a mapping whose keys are the reader's to choose
	Object // a mapping of known keys
)

// Key is a key of an Object.
type Key struct {
	Name  string
	Doc   string
	Shape *Shape
	// Default is the value that counts where the key is absent; nil: none that
	// can be told beforehand.
	Default any
	// Said is the default in words, where it is no value.
	Said string
	// Example is a value, in YAML on one line.
	Example  string
	Required bool

	field string // "config.Plank.MaxGoroutines"
}

// Key returns the key of that name, or nil.
func (s *Shape) Key(name string) *Key {
	for _, k := range s.Keys {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// Says names the shape in a few words, for people.
func (s *Shape) Says() string {
	if s.Words != "" {
		return s.Words
	}
	text := s.says()
	for _, o := range s.Or {
		text += " or " + o.Says()
	}
	return text
}

func (s *Shape) says() string {
	switch s.Kind {
	case Text:
		if s.Name != "" {
			return s.Name
		}
		return "text"
	case Boolean:
		return "boolean"
	case Whole:
		return "whole number"
	case Number:
		return "number"
	case List:
		return "list of " + s.Elem.Says()
	case Table:
		return "map to " + s.Elem.Says()
	case Object:
		if s.Name != "" {
			return strings.TrimSuffix(s.Name, looseSuffix)
		}
		return "mapping"
	}
	return "anything"
}

// Inner returns what is in the lists and tables that s may be.
func (s *Shape) Inner() *Shape {
	_, inner := inside(s)
	return inner
}
