package config

import (
	"fmt"
	"strconv"
	"strings"
)

// trail leads to a value in a file: keys are strings, places in lists are ints.
type trail []any

func (p trail) String() string {
	var b strings.Builder
	for _, e := range p {
		switch e := e.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", e)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			if strings.ContainsAny(e, "./ []\"") {
				e = strconv.Quote(e)
			}
			b.WriteString(e)
		}
	}
	return b.String()
}
