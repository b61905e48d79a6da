package schema

// Example is a piece of configuration that works as it stands.
type Example struct {
	Page string // of docs/config
	Kind string // of file
	In   string // the file, for people
	Text string
}

// Examples lists an example or two for every page. A test loads each.
func Examples() []Example {
	return []Example{
		{"jobs.md", "jobs", "a file of jobs", `presets:
- labels: {preset-cache: "true"}
  env:
  - {name: GOPROXY, value: https://proxy.example.com}
presubmits:
  org/repo:
  - name: unit
    labels: {preset-cache: "true"}
    run_if_changed: \.go$
    branches: [^main$, ^release-]
    decorate: true
    decoration_config: {timeout: 30m}
    spec:
      containers:
      - image: golang:1.26
        command: [go, test, ./...]
        resources:
          requests: {cpu: "2", memory: 4Gi}
postsubmits:
  org/repo:
  - name: publish
    branches: [^main$]
    max_concurrency: 1
    decorate: true
    spec:
      containers:
      - {image: golang:1.26, command: [make, publish]}
periodics:
- name: nightly
  cron: 0 2 * * *
  decorate: true
  extra_refs:
  - {org: org, repo: repo, base_ref: main}
  spec:
    containers:
    - {image: golang:1.26, command: [make, e2e]}
`},
		{"in-repo.md", "config", "config.yaml", `in_repo_config:
  enabled: {org/repo: true}
  allowed_clusters: {"*": [default], org/repo: [build]}
`},
		{"in-repo.md", "prow-yaml", ".prow.yaml", `presubmits:
- name: unit
  always_run: true
  decorate: true
  spec:
    containers:
    - {image: golang:1.26, command: [go, test, ./...]}
postsubmits:
- name: publish
  branches: [^main$]
  decorate: true
  spec:
    containers:
    - {image: golang:1.26, command: [make, publish]}
`},
		{"decoration.md", "config", "config.yaml", `plank:
  default_decoration_config_entries:
  - config: # for all jobs
      timeout: 2h
      grace_period: 15s
      utility_images:
        clonerefs: registry.example.com/prow/podutil:v1
        initupload: registry.example.com/prow/podutil:v1
        entrypoint: registry.example.com/prow/podutil:v1
        sidecar: registry.example.com/prow/podutil:v1
      gcs_configuration:
        bucket: gs://my-bucket
        path_strategy: explicit
      gcs_credentials_secret: gcs-credentials
  - repo: org/big-repo
    config:
      blobless_fetch: true
      timeout: 4h
  - repo: org
    cluster: build
    config:
      censor_secrets: true
      censoring_options: {exclude_directories: ["images/**"]}
`},
		{"config.md", "config", "config.yaml", `prowjob_namespace: prow
pod_namespace: test-pods
log_level: info
github: {link_url: https://github.example.com}
horologium: {tick_interval: 30s}
owners_dir_denylist:
  default: [^third_party/]
prowjob_default_entries:
- repo: org
  config: {tenant_id: team-a}
scheduler:
  enabled: true
  failover:
    mappings: {build01: build02}
`},
		{"plank.md", "config", "config.yaml", `plank:
  job_url_prefix_config: {"*": https://prow.example.com/view/}
  report_templates:
    "*": "[Full history](https://prow.example.com/pr-history?org={{.Spec.Refs.Org}}&repo={{.Spec.Refs.Repo}})"
  pod_pending_timeout: 15m
  pod_unscheduled_timeout: 10m
  max_revivals: 1
  job_queue_capacities: {gpu: 2}
`},
		{"sinker.md", "config", "config.yaml", `sinker:
  resync_period: 1h
  max_prowjob_age: 48h
  max_pod_age: 12h
  terminated_pod_ttl: 30m
`},
		{"deck.md", "config", "config.yaml", `deck:
  branding: {header_color: "#1e3a5f"}
  hidden_repos: [org/secret]
  default_rerun_auth_configs:
  - repo: "*"
    rerun_auth_configs: {github_orgs: [org]}
  spyglass:
    size_limit: 500000000
    gcs_browser_prefixes: {"*": https://browser.example.com/gcs/}
    lenses:
    - required_files: [^build-log\.txt$]
      lens: {name: buildlog}
    - required_files: [^artifacts/junit.*\.xml$]
      lens: {name: junit}
`},
		{"tide.md", "config", "config.yaml", `tide:
  sync_period: 2m
  queries:
  - orgs: [org]
    excludedRepos: [org/sandbox]
    labels: [lgtm, approved]
    missingLabels: [do-not-merge/hold, needs-rebase]
    reviewApprovedRequired: false
  merge_method:
    org: squash
    org/docs: rebase
  squash_label: tide/merge-method-squash
  target_urls: {"*": https://prow.example.com/tide}
  batch_size_limit: {"*": 5}
  priority:
  - labels: [priority/critical-urgent]
  context_options:
    from-branch-protection: true
    skip-unknown-contexts: true
    orgs:
      org:
        repos:
          repo:
            optional-contexts: [codecov/patch]
`},
		{"branch-protection.md", "config", "config.yaml", `branch-protection:
  protect-tested-repos: true
  enforce_admins: true
  orgs:
    org:
      required_status_checks: {contexts: [cla/google]}
      repos:
        repo:
          exclude: [^dependabot/]
          required_pull_request_reviews:
            required_approving_review_count: 1
          branches:
            release-1.0:
              protect: true
              restrictions: {teams: [release-managers]}
`},
		{"reporters.md", "config", "config.yaml", `github_reporter:
  job_types_to_report: [presubmit, postsubmit]
  summary_comment_repos: [org]
slack_reporter_configs:
  "*":
    job_types_to_report: [periodic]
    job_states_to_report: [failure, error]
    channel: ci-alerts
    report_template: "{{.Spec.Job}} ended with {{.Status.State}}: {{.Status.URL}}"
`},
		{"plugins.md", "plugins", "plugins.yaml", `plugins:
  org:
    plugins: [approve, assign, hold, label, lgtm, size, trigger]
    excluded_repos: [sandbox]
  org/repo:
    plugins: [override]
external_plugins:
  org:
  - {name: refresh, endpoint: http://refresh, events: [issue_comment]}
owners:
  labels_denylist: [approved, lgtm]
triggers:
- repos: [org]
  only_org_members: true
approve:
- repos: [org]
  require_self_approval: true
lgtm:
- repos: [org]
  review_acts_as_lgtm: true
label:
  additional_labels: [needs-design]
size: {s: 5, m: 20, l: 80, xl: 300, xxl: 1000}
`},
	}
}
