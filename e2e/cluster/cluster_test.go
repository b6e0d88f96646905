package cluster

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/jvmem/jvmem/e2e/cluster/node"
)

var folder = flag.String("folder", "", "folder of a cluster that runs already")

// suite is the cluster with jvmem installed.
type suite struct {
	node   *node.Node
	client *kubernetes.Clientset
	root   string // of the repository
	// plugin returns the folder of kubectl-jvmem when it is built.
	plugin func() (string, error)
}

func TestCluster(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{root: root}
	s.buildPlugin(t)
	if *folder != "" {
		s.node, err = node.Attach(t.Context(), *folder, root)
	} else {
		s.node, err = node.Start(t.Context(), node.Options{Root: root, Report: func(step string, took time.Duration) {
			t.Logf("started in %.1f s: %s", took.Seconds(), step)
		}})
	}
	if err != nil {
		t.Fatal(err)
	}
	if *folder == "" {
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(s.node.Logs())
			}
			if err := s.node.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if s.client, err = s.node.Client(); err != nil {
		t.Fatal(err)
	}
	if !t.Run("install", s.testInstall) {
		return
	}
	t.Run("pods", func(t *testing.T) {
		for _, test := range []struct {
			name string
			do   func(*testing.T)
		}{
			{"deployment", s.testDeployment},
			{"job", s.testJob},
			{"two JVMs", s.testTwoJVMs},
			{"pod security", s.testPodSecurity},
			{"image missing", s.testImageMissing},
			{"quota", s.testQuota},
			{"guaranteed", s.testGuaranteed},
			{"user of the image", s.testUserOfImage},
			{"debug", s.testDebug},
			{"plugin", s.testPlugin},
			{"Helm 3", s.testHelm3},
			{"TLS", s.testTLS},
			{"network policy", s.testNetworkPolicy},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.do(t)
			})
		}
	})
	t.Run("uninstall", s.testUninstall)
}
