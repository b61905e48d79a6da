package compare

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	prow "github.com/prow-ci/prow"
	"github.com/prow-ci/prow/config"
	corev1 "k8s.io/api/core/v1"
)

// maxTable bounds the work on two long lists; beyond it they are compared place by
// place.
const maxTable = 4 << 20

func (w *walker) list(a, b reflect.Value) {
	if a.IsNil() != b.IsNil() && a.Len() == 0 && b.Len() == 0 {
		w.differ(written(a), written(b)) // none and an empty one are not always the same
		return
	}
	if a.Len() == b.Len() && (a.Len() == 0 || a.Pointer() == b.Pointer()) {
		return
	}
	if w.probe {
		if a.Len() != b.Len() {
			w.found = true
			return
		}
		for i := range a.Len() {
			w.walk(a.Index(i), b.Index(i))
		}
		return
	}
	if a.Len() == b.Len() && w.same(a, b) {
		return
	}
	ka, okA := keys(a)
	kb, okB := keys(b)
	if okA && okB {
		w.keyed(a, b, ka, kb)
		return
	}
	w.aligned(a, b)
}

// written makes a nil list an absent value.
func written(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return reflect.Value{}
	}
	return v
}

// keyed compares lists whose elements have names.
func (w *walker) keyed(a, b reflect.Value, ka, kb []string) {
	inA, inB := places(ka), places(kb)
	var before, after []string
	for i, k := range ka {
		j, ok := inB[k]
		w.at("["+quoted(k)+"]", func() {
			if ok {
				before = append(before, k)
				w.walk(a.Index(i), b.Index(j))
			} else {
				w.differ(a.Index(i), reflect.Value{})
			}
		})
	}
	for j, k := range kb {
		if _, ok := inA[k]; ok {
			after = append(after, k)
			continue
		}
		w.at("["+quoted(k)+"]", func() { w.differ(reflect.Value{}, b.Index(j)) })
	}
	if !slices.Equal(before, after) {
		w.at(" (order)", func() { w.differ(reflect.ValueOf(before), reflect.ValueOf(after)) })
	}
}

func places(keys []string) map[string]int {
	out := make(map[string]int, len(keys))
	for i, k := range keys {
		out[k] = i
	}
	return out
}

// keys names the elements of a list, if each has a name. The second of one name is
// name#2.
func keys(v reflect.Value) ([]string, bool) {
	out := make([]string, v.Len())
	seen := make(map[string]int, v.Len())
	for i := range out {
		k := key(v.Index(i))
		if k == "" {
			return nil, false
		}
		if seen[k]++; seen[k] > 1 {
			k = fmt.Sprintf("%s#%d", k, seen[k])
		}
		out[i] = k
	}
	return out, true
}

// key names an element of a list; "" if it has no name.
func key(v reflect.Value) string {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case corev1.VolumeMount:
		return x.MountPath
	case prow.Refs:
		return x.RepoID().String()
	case config.Preset:
		var labels []string
		for k, v := range x.Labels {
			labels = append(labels, k+"="+v)
		}
		slices.Sort(labels)
		return cmp.Or(strings.Join(labels, ","), "all jobs")
	case map[string]any:
		name, _ := x["name"].(string)
		return name
	}
	if v.Kind() == reflect.Struct {
		if f := v.FieldByName("Name"); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
	}
	return ""
}

// aligned compares lists whose elements have no names: what is in both in the same
// order stays, what differs between is compared in pairs, the rest came or went.
func (w *walker) aligned(a, b reflect.Value) {
	front := 0
	for front < min(a.Len(), b.Len()) && w.same(a.Index(front), b.Index(front)) {
		front++
	}
	endA, endB := a.Len(), b.Len()
	for endA > front && endB > front && w.same(a.Index(endA-1), b.Index(endB-1)) {
		endA, endB = endA-1, endB-1
	}
	i, j := front, front
	for _, p := range append(align(a, b, front, endA, endB), [2]int{endA, endB}) {
		for ; i < p[0] && j < p[1]; i, j = i+1, j+1 {
			w.at(place(a, i), func() { w.walk(a.Index(i), b.Index(j)) })
		}
		for ; i < p[0]; i++ {
			w.at(place(a, i), func() { w.differ(a.Index(i), reflect.Value{}) })
		}
		for ; j < p[1]; j++ {
			w.at(place(b, j), func() { w.differ(reflect.Value{}, b.Index(j)) })
		}
		i, j = p[0]+1, p[1]+1
	}
}

// place names the i-th element. Of mere texts and numbers the value says which is
// meant, and many jobs have it at different places.
func place(v reflect.Value, i int) string {
	e := v.Index(i)
	if e.Kind() == reflect.Interface && !e.IsNil() {
		e = e.Elem()
	}
	switch e.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Pointer, reflect.Interface:
		return fmt.Sprintf("[%d]", i)
	}
	return "[]"
}

// align returns the places of a longest common subsequence of a[from:endA] and
// b[from:endB].
func align(a, b reflect.Value, from, endA, endB int) [][2]int {
	n, m := endA-from, endB-from
	if n == 0 || m == 0 || n*m > maxTable {
		return nil
	}
	text := func(v reflect.Value, end int) []Value {
		var out []Value
		for i := from; i < end; i++ {
			out = append(out, valueOf(v.Index(i)))
		}
		return out
	}
	ta, tb := text(a, endA), text(b, endB)
	// longest[i][j] is the length of the longest common subsequence of ta[i:] and tb[j:].
	longest := make([]int32, (n+1)*(m+1))
	at := func(i, j int) *int32 { return &longest[i*(m+1)+j] }
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if ta[i] == tb[j] {
				*at(i, j) = *at(i+1, j+1) + 1
			} else {
				*at(i, j) = max(*at(i+1, j), *at(i, j+1))
			}
		}
	}
	var out [][2]int
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case ta[i] == tb[j]:
			out = append(out, [2]int{from + i, from + j})
			i, j = i+1, j+1
		case *at(i+1, j) >= *at(i, j+1):
			i++
		default:
			j++
		}
	}
	return out
}
