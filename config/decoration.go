package config

import (
	"maps"

	prow "github.com/prow-ci/prow"
)

// mergeDecoration lays upper over lower: what upper sets wins. Neither changes.
func mergeDecoration(lower, upper *prow.DecorationConfig) *prow.DecorationConfig {
	if upper == nil {
		upper = &prow.DecorationConfig{}
	}
	if lower == nil {
		lower = &prow.DecorationConfig{}
	}
	m := *lower
	over(&m.Timeout, upper.Timeout)
	over(&m.GracePeriod, upper.GracePeriod)
	m.UtilityImages = mergeImages(lower.UtilityImages, upper.UtilityImages)
	m.Resources = mergeResources(lower.Resources, upper.Resources)
	m.GCSConfiguration = mergeGCS(lower.GCSConfiguration, upper.GCSConfiguration)
	over(&m.GCSCredentialsSecret, upper.GCSCredentialsSecret)
	over(&m.S3CredentialsSecret, upper.S3CredentialsSecret)
	over(&m.DefaultServiceAccountName, upper.DefaultServiceAccountName)
	overList(&m.SSHKeySecrets, upper.SSHKeySecrets)
	overList(&m.SSHHostFingerprints, upper.SSHHostFingerprints)
	over(&m.BloblessFetch, upper.BloblessFetch)
	overList(&m.SparseCheckoutFiles, upper.SparseCheckoutFiles)
	over(&m.SkipCloning, upper.SkipCloning)
	over(&m.CookiefileSecret, upper.CookiefileSecret)
	over(&m.OauthTokenSecret, upper.OauthTokenSecret)
	overList(&m.GitHubAPIEndpoints, upper.GitHubAPIEndpoints)
	overText(&m.GitHubAppID, upper.GitHubAppID)
	over(&m.GitHubAppPrivateKeySecret, upper.GitHubAppPrivateKeySecret)
	over(&m.CensorSecrets, upper.CensorSecrets)
	m.CensoringOptions = mergeCensoring(lower.CensoringOptions, upper.CensoringOptions)
	over(&m.UploadIgnoresInterrupts, upper.UploadIgnoresInterrupts)
	over(&m.SetLimitEqualsMemoryRequest, upper.SetLimitEqualsMemoryRequest)
	over(&m.DefaultMemoryRequest, upper.DefaultMemoryRequest)
	m.SchedulingOptions = mergeScheduling(lower.SchedulingOptions, upper.SchedulingOptions)
	over(&m.PodPendingTimeout, upper.PodPendingTimeout)
	over(&m.PodRunningTimeout, upper.PodRunningTimeout)
	over(&m.PodUnscheduledTimeout, upper.PodUnscheduledTimeout)
	over(&m.RunAsUser, upper.RunAsUser)
	over(&m.RunAsGroup, upper.RunAsGroup)
	over(&m.FsGroup, upper.FsGroup)
	return &m
}

// over sets *to where from is set.
func over[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

func overText(to *string, from string) {
	if from != "" {
		*to = from
	}
}

func overList[T any](to *[]T, from []T) {
	if len(from) > 0 {
		*to = from
	}
}

// both reports that lower and upper have to be merged; one is the result if the
// other is nil.
func both[T any](lower, upper *T) (one *T, ok bool) {
	switch {
	case upper == nil:
		return lower, false
	case lower == nil:
		return upper, false
	}
	copied := *lower
	return &copied, true
}

func mergeImages(lower, upper *prow.UtilityImages) *prow.UtilityImages {
	m, ok := both(lower, upper)
	if ok {
		overText(&m.CloneRefs, upper.CloneRefs)
		overText(&m.InitUpload, upper.InitUpload)
		overText(&m.Entrypoint, upper.Entrypoint)
		overText(&m.Sidecar, upper.Sidecar)
	}
	return m
}

func mergeResources(lower, upper *prow.Resources) *prow.Resources {
	m, ok := both(lower, upper)
	if ok {
		over(&m.CloneRefs, upper.CloneRefs)
		over(&m.InitUpload, upper.InitUpload)
		over(&m.PlaceEntrypoint, upper.PlaceEntrypoint)
		over(&m.Sidecar, upper.Sidecar)
	}
	return m
}

func mergeGCS(lower, upper *prow.GCSConfiguration) *prow.GCSConfiguration {
	m, ok := both(lower, upper)
	if ok {
		overText(&m.Bucket, upper.Bucket)
		overText(&m.PathPrefix, upper.PathPrefix)
		overText(&m.PathStrategy, upper.PathStrategy)
		overText(&m.DefaultOrg, upper.DefaultOrg)
		overText(&m.DefaultRepo, upper.DefaultRepo)
		overText(&m.JobURLPrefix, upper.JobURLPrefix)
		overText(&m.LocalOutputDir, upper.LocalOutputDir)
		overList(&m.CompressFileTypes, upper.CompressFileTypes)
		if len(upper.MediaTypes) > 0 {
			types := map[string]string{}
			maps.Copy(types, lower.MediaTypes)
			maps.Copy(types, upper.MediaTypes)
			m.MediaTypes = types
		}
	}
	return m
}

func mergeCensoring(lower, upper *prow.CensoringOptions) *prow.CensoringOptions {
	m, ok := both(lower, upper)
	if ok {
		over(&m.CensoringConcurrency, upper.CensoringConcurrency)
		over(&m.CensoringBufferSize, upper.CensoringBufferSize)
		overList(&m.IncludeDirectories, upper.IncludeDirectories)
		overList(&m.ExcludeDirectories, upper.ExcludeDirectories)
		over(&m.MinimumSecretLength, upper.MinimumSecretLength)
	}
	return m
}

func mergeScheduling(lower, upper *prow.SchedulingOptions) *prow.SchedulingOptions {
	m, ok := both(lower, upper)
	if ok {
		over(&m.Affinity, upper.Affinity)
		overList(&m.Tolerations, upper.Tolerations)
	}
	return m
}
