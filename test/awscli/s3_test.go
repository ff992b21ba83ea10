package awscli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestS3 has every aws CLI and every Python with boto3 on the PATH put files into buckets, look at them, make a trust store of one, and
// delete all.
func TestS3(t *testing.T) {
	clis, pythons := programs("aws", "--version"), programs("python3", "-c", "import boto3; print(boto3.__version__)")
	if len(clis)+len(pythons) == 0 {
		t.Skip("there is neither an aws CLI nor a Python with boto3 on the PATH: apt-get install awscli python3-boto3")
	}
	authority, _ := makeCertificate(t, "authority.example.com")
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, version := range clis {
		t.Run(path, func(t *testing.T) {
			t.Log(version)
			cmd := exec.Command("sh", "s3.sh", file)
			cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"))
			run(t, start(t), cmd)
		})
	}
	for path, version := range pythons {
		t.Run(path, func(t *testing.T) {
			t.Log("boto3 " + version)
			cmd := exec.Command(path, "s3.py", file)
			cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
			run(t, start(t), cmd)
		})
	}
}
