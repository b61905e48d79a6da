package config

// whence returns the file that a value of the assembled main file comes from, and
// its path there: shards are merged before anything is checked.
func (in *inputs) whence(file string, p trail, tree func(file string) *tree) (string, trail) {
	if in.main == nil || file != in.main.name || len(in.extra) == 0 {
		return file, p
	}
	if len(p) >= 3 && p[0] == "tide" && p[1] == "queries" {
		if n, ok := p[2].(int); ok {
			return in.query(n, p)
		}
	}
	most := tree(file).reach(p)
	for _, s := range in.extra {
		if n := tree(s.name).reach(p); n > most {
			file, most = s.name, n
		}
	}
	return file, p
}

// query is whence for the query number n: those of shards follow the main file's.
func (in *inputs) query(n int, p trail) (string, trail) {
	first := len(in.main.value.(*mainFile).Tide.Queries)
	for _, s := range in.extra {
		first -= len(s.value.(*shardFile).Tide.Queries)
	}
	file := in.main.name
	if n < first {
		return file, p
	}
	for _, s := range in.extra {
		n -= first
		file, first = s.name, len(s.value.(*shardFile).Tide.Queries)
		if n < first {
			break
		}
	}
	return file, append(trail{"tide", "queries", n}, p[3:]...)
}
