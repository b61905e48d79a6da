package config_test

import "testing"

func TestMayView(t *testing.T) {
	t.Parallel()
	const text = `
deck: {skip_storage_path_validation: false, additional_allowed_buckets: [extra, "s3://other"]}
plank:
  default_decoration_configs:
    "*":
      utility_images: {clonerefs: c, initupload: i, entrypoint: e, sidecar: s}
      gcs_configuration: {bucket: usual, path_strategy: explicit}
      gcs_credentials_secret: key
periodics:
- name: own
  interval: 1h
  decorate: true
  decoration_config: {gcs_configuration: {bucket: "s3://apart"}}
  spec: {containers: [{image: i, command: [c]}]}
`
	c := load(t, mainFile(text))
	for address, want := range map[string]bool{
		"gs://usual": true, "gs://extra": true, "s3://other": true, "s3://apart": true,
		"gs://apart": false, "gs://elsewhere": false, "gs://": false, "": false,
	} {
		if got := c.MayView(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if !load(t, mainFile("{}")).MayView("gs://any") {
		t.Error("without a limit any bucket may be viewed")
	}
}
