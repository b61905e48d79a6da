package install

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The ConfigMaps. Jobs that one does not hold are spread over jobShards.
const (
	configMap  = "config"
	pluginsMap = "plugins"
	jobsMap    = "job-config"
	jobShards  = 8
)

const (
	// plainMost is how much a ConfigMap holds uncompressed: plain `kubectl apply` keeps
	// a copy in an annotation, and annotations end at 256 KiB.
	plainMost = 200 << 10
	// packedMost is how much it holds at all: 1 MiB for the API server, encoded and
	// with names.
	packedMost = 1000 << 10
)

// Maps makes the ConfigMaps of a configuration. What is nil is left out. Files that
// have no room as they are are compressed; `prow serve` reads both.
func Maps(o Options) ([]Object, error) {
	var out []Object
	add := func(m *corev1.ConfigMap, err error) error {
		if err != nil {
			return err
		}
		one, err := object(m)
		out = append(out, one)
		return err
	}
	if o.Config != nil {
		if err := add(fileMap(o.Namespace, configMap, "config.yaml", o.Config)); err != nil {
			return nil, fmt.Errorf("%w; move jobs out of it into files, and give those with --job-config", err)
		}
	}
	if o.Plugins != nil {
		if err := add(fileMap(o.Namespace, pluginsMap, "plugins.yaml", o.Plugins)); err != nil {
			return nil, err
		}
	}
	if len(o.Jobs) > 0 {
		maps, err := jobMaps(o.Namespace, o.Jobs)
		if err != nil {
			return nil, err
		}
		for _, m := range maps {
			if err := add(m, nil); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func newMap(namespace, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{labelPartOf: "prow", labelManagedBy: manager, labelComponent: name}},
	}
}

func fileMap(namespace, name, file string, content []byte) (*corev1.ConfigMap, error) {
	m := newMap(namespace, name)
	if len(content) <= plainMost && !isZipped(content) {
		m.Data = map[string]string{file: string(content)}
		return m, nil
	}
	packed, err := zip(content)
	if err != nil {
		return nil, err
	}
	if encoded(packed) > packedMost {
		return nil, fmt.Errorf("%s has %d KiB even compressed, and a ConfigMap holds %d", file, len(packed)>>10, packedMost*3/4>>10)
	}
	m.BinaryData = map[string][]byte{file: packed}
	return m, nil
}

// encoded is the size of b in base64.
func encoded(b []byte) int { return (len(b) + 2) / 3 * 4 }

// jobMaps puts files of jobs into one ConfigMap, as they are or compressed, or else
// into as many as have a place in the pods.
func jobMaps(namespace string, files map[string][]byte) ([]*corev1.ConfigMap, error) {
	keys, err := jobKeys(files)
	if err != nil {
		return nil, err
	}
	one, size := newMap(namespace, jobsMap), 0
	for file, content := range files {
		size += len(content) + len(keys[file])
		if isZipped(content) {
			size += plainMost // it is no text
		}
	}
	if size <= plainMost {
		one.Data = map[string]string{}
		for file, content := range files {
			one.Data[keys[file]] = string(content)
		}
		return []*corev1.ConfigMap{one}, nil
	}
	packed := map[string][]byte{}
	size = 0
	for file, content := range files {
		if packed[file], err = zip(content); err != nil {
			return nil, err
		}
		size += encoded(packed[file]) + len(keys[file])
	}
	if size <= packedMost {
		one.BinaryData = map[string][]byte{}
		for file, content := range packed {
			one.BinaryData[keys[file]] = content
		}
		return []*corev1.ConfigMap{one}, nil
	}
	out := make([]*corev1.ConfigMap, jobShards)
	sizes := make([]int, jobShards)
	for i := range out {
		out[i] = newMap(namespace, shardName(i))
		out[i].Labels[labelComponent] = jobsMap
		out[i].BinaryData = map[string][]byte{}
	}
	for file, content := range packed {
		// A file stays where it was when others come and go.
		h := fnv.New32a()
		_, _ = h.Write([]byte(keys[file])) // it never fails
		i := h.Sum32() % jobShards
		out[i].BinaryData[keys[file]] = content
		if sizes[i] += encoded(content) + len(keys[file]); sizes[i] > packedMost {
			return nil, fmt.Errorf("the jobs have no room in %d ConfigMaps even compressed: serve them from a volume that git-sync fills, with --arg --job-config-path=DIR", jobShards)
		}
	}
	return out, nil
}

func shardName(i int) string { return fmt.Sprintf("%s-%d", jobsMap, i+1) }

// jobKeys names the files in their ConfigMap: by the last part of the path, or, as
// two files of one name would be one, by all of it.
func jobKeys(files map[string][]byte) (map[string]string, error) {
	count := map[string]int{}
	for file := range files {
		count[path.Base(file)]++
	}
	keys, taken := map[string]string{}, map[string]string{}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		key := path.Base(file)
		if count[key] > 1 {
			key = strings.ReplaceAll(file, "/", "-")
		}
		if other, ok := taken[key]; ok {
			return nil, fmt.Errorf("%s and %s would both be called %s in the ConfigMap: rename one", other, file, key)
		}
		keys[file], taken[key] = key, file
	}
	return keys, nil
}

func isZipped(b []byte) bool { return bytes.HasPrefix(b, []byte{0x1f, 0x8b}) }

// zip compresses, the same content always to the same bytes.
func zip(b []byte) ([]byte, error) {
	if isZipped(b) {
		return b, nil
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func unzip(b []byte) ([]byte, error) {
	if !isZipped(b) {
		return b, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, 64<<20))
}
