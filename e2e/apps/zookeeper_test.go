package apps

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// zookeeperCases returns those of ZooKeeper, one server alone.
func zookeeperCases() []testCase {
	zookeeper := server{
		name: "ZooKeeper", needs: []need{{file: "/usr/share/java/zookeeper.jar", debian: "zookeeper"}},
		arguments: func(t *testing.T, _ *testCase, dir, address string) []string {
			host, port, _ := net.SplitHostPort(address)
			file := filepath.Join(dir, "zoo.cfg")
			text := fmt.Sprintf("dataDir=%s\nclientPortAddress=%s\nclientPort=%s\nadmin.enableServer=false\nforceSync=no\npreAllocSize=1024\n", dir, host, port)
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			return []string{
				"-cp", "/etc/zookeeper/conf_example:/usr/share/java/zookeeper.jar",
				"org.apache.zookeeper.server.quorum.QuorumPeerMain", file,
			}
		},
		connect: connectZooKeeper,
	}
	locks := testCase{
		server: zookeeper, fault: "locks never released", verdict: "heap", gc: "Parallel", limit: 384, faults: 3500,
		line: "org.apache.jute.BinaryInputArchive.readBuffer(", // of ZooKeeper: the data of a node comes with its request
	}
	clean := locks.clean()
	clean.gc = "Serial"
	return []testCase{locks, clean}
}

// connectZooKeeper returns a client with one session. A lock is an ephemeral node, which
// ends with the session, and a watch.
func connectZooKeeper(c *testCase, address string) (*client, error) {
	session, _, err := zk.Connect([]string{address}, 20*time.Second, zk.WithLogInfo(false), zk.WithLogger(silent{}))
	if err != nil {
		return nil, err
	}
	open := zk.WorldACL(zk.PermAll)
	lock := func(bytes int, keep bool) error {
		path, err := session.Create("/lock-", []byte(strings.Repeat("owner ", bytes/6)), zk.FlagEphemeral|zk.FlagSequence, open)
		if err != nil {
			return fmt.Errorf("create: %w", err)
		}
		if keep {
			if _, _, _, err := session.GetW(path); err != nil {
				return fmt.Errorf("watch: %w", err)
			}
			return nil
		}
		if err := session.Delete(path, -1); err != nil {
			return fmt.Errorf("delete: %w", err)
		}
		return nil
	}
	return &client{
		work:  func(context.Context) error { return lock(200, false) },
		fault: func(context.Context) error { return lock(20<<10, c.fault != "") },
		close: session.Close,
	}, nil
}

// silent drops what the client logs about a server that starts or ends.
type silent struct{}

func (silent) Printf(string, ...any) {}
