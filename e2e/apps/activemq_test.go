package apps

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

const activemqHome = "/usr/share/activemq"

const (
	replies = "a queue for each reply"
	disk    = "a queue on disk that nobody consumes"
)

// activemqCases returns those of ActiveMQ. One of them is no leak: of the messages on disk,
// the broker keeps 24 MiB in memory.
func activemqCases() []testCase {
	activemq := server{
		name:      "ActiveMQ",
		needs:     []need{{file: activemqHome + "/bin/activemq.jar", debian: "activemq"}},
		arguments: activemqArguments,
		connect:   connectActiveMQ,
		rate:      4,
	}
	queues := testCase{
		server: activemq, fault: replies, verdict: "heap", gc: "Serial", limit: 384, faults: 2600,
		flags: []string{"-Dorg.apache.activemq.UseDedicatedTaskRunner=false"}, line: "org.apache.activemq.",
	}
	stored := testCase{server: activemq, fault: disk, limit: 384, faults: 4000}
	clean := stored.clean()
	return []testCase{queues, stored, clean}
}

func activemqArguments(t *testing.T, _ *testCase, dir, address string) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/activemq.xml")
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), "ADDRESS", address))
	if err := os.Mkdir(filepath.Join(dir, "conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "conf", "activemq.xml"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	arguments := []string{
		"-Dactivemq.home=" + activemqHome, "-Dactivemq.base=" + dir, "-Dactivemq.conf=" + filepath.Join(dir, "conf"),
		"-Dactivemq.data=" + filepath.Join(dir, "data"), "-Dactivemq.classpath=" + filepath.Join(dir, "conf"),
	}
	for _, of := range []string{"lang", "util", "util.concurrent", "net", "security"} {
		arguments = append(arguments, "--add-opens=java.base/java."+of+"=ALL-UNNAMED")
	}
	return append(arguments, "-jar", activemqHome+"/bin/activemq.jar", "start", "xbean:activemq.xml")
}

// connectActiveMQ returns a client that, like many, opens a connection for each request.
func connectActiveMQ(c *testCase, address string) (*client, error) {
	var number atomic.Int64
	return &client{
		work: func(ctx context.Context) error { return exchange(ctx, address, "/queue/work", 1<<10, true) },
		fault: func(ctx context.Context) error {
			queue := "/queue/orders"
			if c.fault == replies {
				queue = fmt.Sprintf("/queue/reply-%d", number.Add(1))
			}
			return exchange(ctx, address, queue, 10<<10, c.fault != disk)
		},
	}, nil
}

// exchange sends a message to a queue and receives it, in STOMP.
func exchange(ctx context.Context, address, queue string, bytes int, receive bool) (err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	in := bufio.NewReader(conn)
	call := func(frame, want string) (answer string, err error) {
		if _, err := fmt.Fprint(conn, frame+"\x00"); err != nil {
			return "", err
		}
		for !strings.HasPrefix(answer, want) { // more messages may come before it
			if answer, err = in.ReadString(0); err != nil {
				return "", fmt.Errorf("STOMP: await %s: %w", want, err)
			}
			if answer = strings.TrimSpace(answer); strings.HasPrefix(answer, "ERROR") {
				return "", fmt.Errorf("STOMP: %.300s", answer)
			}
		}
		return answer, nil
	}
	if _, err := call("CONNECT\naccept-version:1.1\nheart-beat:0,0\n\n", "CONNECTED"); err != nil {
		return err
	}
	body := strings.Repeat("order ", bytes/6)
	if _, err := call("SEND\ndestination:"+queue+"\npersistent:true\nreceipt:1\n\n"+body, "RECEIPT"); err != nil {
		return err
	}
	if receive {
		message, err := call("SUBSCRIBE\nid:1\nack:client-individual\ndestination:"+queue+"\nactivemq.prefetchSize:1\n\n", "MESSAGE")
		if err != nil {
			return err
		}
		_, id, _ := strings.Cut(message, "\nmessage-id:")
		id, _, _ = strings.Cut(id, "\n")
		if _, err := call("ACK\nsubscription:1\nreceipt:2\nmessage-id:"+id+"\n\n", "RECEIPT\nreceipt-id:2"); err != nil {
			return err
		}
	}
	_, err = call("DISCONNECT\nreceipt:3\n\n", "RECEIPT\nreceipt-id:3")
	return err
}
