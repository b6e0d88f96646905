package cluster

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/jvmem/jvmem/e2e/cluster/node"
)

var (
	folder   = flag.String("folder", "", "folder of a cluster that runs already")
	prepared = flag.String("prepared", "", "folder that has all files which the tests need: ./guest makes it")
	values   = flag.String("set", "", "values of the chart for README's installation, as of helm --set")
	timeout  = flag.Duration("wait", 4*time.Minute, "limit of each wait: the default is for a machine on which other processes take most of the CPU")
)

// suite is the cluster with jvmem installed.
type suite struct {
	node   *node.Node
	client *kubernetes.Clientset
	root   string // of the repository
	// plugin returns the folder of kubectl-jvmem when it is built.
	plugin func() (string, error)
}

func TestCluster(t *testing.T) {
	s := &suite{root: *prepared, plugin: func() (string, error) { return *prepared, nil }}
	options := node.Options{Report: func(step string, took time.Duration) {
		t.Logf("started in %.1f s: %s", took.Seconds(), step)
	}}
	var err error
	if *prepared != "" {
		options.Kit = filepath.Join(*prepared, "kit")
	} else {
		if s.root, err = filepath.Abs("../.."); err != nil {
			t.Fatal(err)
		}
		options.Root = s.root
		s.buildPlugin(t)
	}
	if *folder != "" {
		s.node, err = node.Attach(*folder)
	} else {
		s.node, err = node.Start(t.Context(), options)
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
			{"limit range", s.testLimitRange},
			{"guaranteed", s.testGuaranteed},
			{"user of the JVM", s.testUserOfJVM},
			{"debug", s.testDebug},
			{"plugin", s.testPlugin},
			{"sizing", s.testSizing},
			{"example", s.testExample},
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
