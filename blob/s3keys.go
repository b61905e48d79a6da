package blob

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// s3Settings are what the file with S3 credentials says.
type s3Settings struct {
	Region       string `json:"region"`
	Endpoint     string `json:"endpoint"`
	Insecure     bool   `json:"insecure"`
	PathStyle    bool   `json:"s3_force_path_style"`
	AccessKey    string `json:"access_key"`
	SecretKey    string `json:"secret_key"`
	SessionToken string `json:"session_token"`

	expires time.Time // zero: never
}

func (k s3Settings) scheme() string {
	switch {
	case strings.HasPrefix(k.Endpoint, "http://"), k.Insecure && !strings.HasPrefix(k.Endpoint, "https://"):
		return "http"
	}
	return "https"
}

func (k s3Settings) host() string {
	_, host, ok := strings.Cut(k.Endpoint, "://")
	if !ok {
		host = k.Endpoint
	}
	return strings.TrimRight(host, "/")
}

// s3Keys finds credentials: in the file, else where Amazon's own programs find them.
type s3Keys struct {
	file *secretFile
	world

	mu     sync.Mutex
	parsed s3Settings
	found  *s3Settings
}

// settings are what is known without asking anybody.
func (s *s3Keys) settings() (s3Settings, error) {
	if s.file == nil {
		return s3Settings{
			Region:   cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
			Endpoint: cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL")),
		}, nil
	}
	b, changed, err := s.file.read()
	if err != nil {
		return s3Settings{}, fmt.Errorf("S3 credentials: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !changed && s.parsed != (s3Settings{}) {
		return s.parsed, nil
	}
	k := iniKeys(b, "default")
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		k = s3Settings{}
		if err := json.Unmarshal(b, &k); err != nil {
			return k, fmt.Errorf("S3 credentials: %s: %w", s.file.name, err)
		}
	}
	if k == (s3Settings{}) {
		return k, fmt.Errorf("S3 credentials: %s says nothing: want JSON with access_key, secret_key, region and endpoint", s.file.name)
	}
	s.parsed, s.found = k, nil
	return k, nil
}

// get returns settings with keys, which are empty if there are none.
func (s *s3Keys) get(ctx context.Context) (s3Settings, error) {
	k, err := s.settings()
	if err != nil || k.AccessKey != "" {
		return k, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found == nil || !s.found.expires.IsZero() && s.now().Add(5*time.Minute).After(s.found.expires) {
		found, err := s.ambient(ctx, cmp.Or(k.Region, "us-east-1"))
		if err != nil {
			return k, err
		}
		s.found = &found
	}
	k.AccessKey, k.SecretKey, k.SessionToken = s.found.AccessKey, s.found.SecretKey, s.found.SessionToken
	return k, nil
}

// ambient looks in the environment, the user's files, a service account's role, the
// container's role and the machine's.
func (s *s3Keys) ambient(ctx context.Context, region string) (s3Settings, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if k := os.Getenv("AWS_ACCESS_KEY_ID"); k != "" {
		return s3Settings{AccessKey: k, SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN")}, nil
	}
	if role, file := os.Getenv("AWS_ROLE_ARN"), os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"); role != "" && file != "" {
		return s.webIdentity(ctx, role, file, region)
	}
	name := os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	if home, err := os.UserHomeDir(); name == "" && err == nil {
		name = filepath.Join(home, ".aws", "credentials")
	}
	if b, err := os.ReadFile(name); err == nil {
		if k := iniKeys(b, cmp.Or(os.Getenv("AWS_PROFILE"), "default")); k.AccessKey != "" {
			return k, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return s3Settings{}, err
	}
	if uri := os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); uri != "" {
		return s.container(ctx, "http://169.254.170.2"+uri)
	}
	if uri := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"); uri != "" {
		return s.container(ctx, uri)
	}
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return s3Settings{}, nil
	}
	return s.machine(ctx)
}

// iniKeys reads a section of a credentials file as Amazon's programs write it.
func iniKeys(b []byte, section string) s3Settings {
	var k s3Settings
	in := section == "default" // a file without sections has one
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			in = strings.TrimSpace(strings.TrimPrefix(strings.Trim(line, "[]"), "profile ")) == section
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || !in {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			k.AccessKey = value
		case "aws_secret_access_key":
			k.SecretKey = value
		case "aws_session_token":
			k.SessionToken = value
		case "region":
			k.Region = value
		case "endpoint_url":
			k.Endpoint = value
		}
	}
	return k
}

// webIdentity exchanges the token of a Kubernetes service account.
func (s *s3Keys) webIdentity(ctx context.Context, role, file, region string) (s3Settings, error) {
	token, err := os.ReadFile(file)
	if err != nil {
		return s3Settings{}, err
	}
	q := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role},
		"RoleSessionName": {cmp.Or(os.Getenv("AWS_ROLE_SESSION_NAME"), "prow")}, "WebIdentityToken": {strings.TrimSpace(string(token))},
	}
	where := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_STS"), "https://sts."+region+".amazonaws.com")
	b, err := s.ask(ctx, http.MethodPost, where, []byte(q.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	if err != nil {
		return s3Settings{}, fmt.Errorf("role %s: %w", role, err)
	}
	var a struct {
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
			Expiration      time.Time
		} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if err := xml.Unmarshal(b, &a); err != nil {
		return s3Settings{}, fmt.Errorf("role %s: %w", role, err)
	}
	c := a.Credentials
	return s3Settings{AccessKey: c.AccessKeyID, SecretKey: c.SecretAccessKey, SessionToken: c.SessionToken, expires: c.Expiration}, nil
}

func (s *s3Keys) container(ctx context.Context, uri string) (s3Settings, error) {
	h := http.Header{}
	token := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return s3Settings{}, err
		}
		token = strings.TrimSpace(string(b))
	}
	if token != "" {
		h.Set("Authorization", token)
	}
	b, err := s.ask(ctx, http.MethodGet, uri, nil, h)
	if err != nil {
		return s3Settings{}, fmt.Errorf("role of the container: %w", err)
	}
	return roleKeys(b)
}

// machine asks the machine for its role. One that does not answer has none.
func (s *s3Keys) machine(ctx context.Context) (s3Settings, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	where := cmp.Or(os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), "http://169.254.169.254")
	token, err := s.ask(ctx, http.MethodPut, where+"/latest/api/token", nil, http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"300"}})
	if err != nil {
		return s3Settings{expires: s.now().Add(10 * time.Minute)}, nil // asked again later
	}
	h := http.Header{"X-Aws-Ec2-Metadata-Token": {string(token)}}
	path := where + "/latest/meta-data/iam/security-credentials/"
	role, err := s.ask(ctx, http.MethodGet, path, nil, h)
	if err != nil {
		return s3Settings{expires: s.now().Add(10 * time.Minute)}, nil
	}
	b, err := s.ask(ctx, http.MethodGet, path+strings.TrimSpace(string(role)), nil, h)
	if err != nil {
		return s3Settings{}, fmt.Errorf("role of the machine: %w", err)
	}
	return roleKeys(b)
}

func roleKeys(b []byte) (s3Settings, error) {
	var r struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		Token           string
		Expiration      time.Time
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return s3Settings{}, err
	}
	return s3Settings{AccessKey: r.AccessKeyID, SecretKey: r.SecretAccessKey, SessionToken: r.Token, expires: r.Expiration}, nil
}

func (s *s3Keys) ask(ctx context.Context, method, address string, body []byte, h http.Header) ([]byte, error) {
	return ask(ctx, s.client, method, address, body, h)
}

// ask makes one small request of those who give credentials.
func ask(ctx context.Context, client *http.Client, method, address string, body []byte, h http.Header) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = h
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s", method, req.URL.Redacted(), res.Status) // the body may hold what is secret
	}
	return b, err
}
