package config

// SectionNames lists the keys of plugins.yaml that belong to one plugin or
// several, those of plugins that are not there included.
func SectionNames() []string { return sections() }
