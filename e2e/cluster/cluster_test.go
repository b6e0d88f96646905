package cluster

import (
	"flag"
	"fmt"
	"os"
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
}

func TestCluster(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{root: root}
	if *folder != "" {
		s.node, err = node.Attach(t.Context(), *folder, root)
	} else {
		s.node, err = node.Start(t.Context(), node.Options{Root: root, Report: func(step string, took time.Duration) {
			fmt.Fprintf(os.Stderr, "%6.1f s  start: %s\n", took.Seconds(), step)
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
	step := func(name string, do func(*testing.T)) bool {
		return t.Run(name, func(t *testing.T) {
			begun := time.Now()
			defer func() { fmt.Fprintf(os.Stderr, "%6.1f s  %s\n", time.Since(begun).Seconds(), t.Name()) }()
			do(t)
		})
	}
	if !step("install", s.testInstall) {
		return
	}
	step("pods", func(t *testing.T) {
		for _, test := range []struct {
			name string
			do   func(*testing.T)
		}{
			{"deployment", s.testDeployment},
			{"job", s.testJob},
			{"two JVMs", s.testTwoJVMs},
			{"pod security", s.testPodSecurity},
			{"image missing", s.testImageMissing},
			{"debug", s.testDebug},
			{"include", s.testInclude},
			{"values only", s.testValuesOnly},
			{"TLS", s.testTLS},
			{"network policy", s.testNetworkPolicy},
		} {
			step(test.name, func(t *testing.T) {
				t.Parallel()
				test.do(t)
			})
		}
	})
	step("uninstall", s.testUninstall)
}
