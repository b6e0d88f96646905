package apps

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// elasticmqCases returns those of ElasticMQ, message queues on Scala and Akka. A message stays until
// it is deleted.
func elasticmqCases() []testCase {
	const jar = "elasticmq/elasticmq-server-0.7.1.jar"
	elasticmq := server{
		name: "ElasticMQ", needs: []need{{file: jar, npm: "elasticmq@0.7.1"}}, rate: 4,
		arguments: func(t *testing.T, _ *testCase, dir, address string) []string {
			t.Helper()
			host, port, _ := net.SplitHostPort(address)
			config := fmt.Sprintf("include classpath(\"application.conf\")\nspray.can.server.bind-timeout = 60s\nrest-sqs { bind-hostname = %q, bind-port = %s }\n"+
				"node-address { host = %[1]q, port = %[2]s }\n", host, port)
			file := filepath.Join(dir, "elasticmq.conf")
			if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
				t.Fatal(err)
			}
			return []string{"--add-opens=java.base/java.util.regex=ALL-UNNAMED", "-Dconfig.file=" + file, "-jar", npmFile(jar)}
		},
		connect: connectElasticMQ,
	}
	kept := testCase{
		server: elasticmq, fault: "messages never received", verdict: "heap", limit: 384, faults: 5000, flags: []string{"-Xmx128m"},
		line: "spray.httpx.unmarshalling.", // the text of a message is that of its request
	}
	clean := kept.clean()
	clean.gc = "Serial"
	return []testCase{kept, clean}
}

var receipt = regexp.MustCompile("<ReceiptHandle>(.*)</ReceiptHandle>")

// connectElasticMQ returns a client whose ordinary requests are sent, received and deleted.
func connectElasticMQ(c *testCase, address string) (*client, error) {
	h := newHTTPClient(address)
	ask := func(ctx context.Context, path string, values ...string) (string, error) {
		form := url.Values{}
		for i := 0; i < len(values); i += 2 {
			form.Set(values[i], values[i+1])
		}
		body, _, err := h.exchange(ctx, http.StatusOK, http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode())
		return body, err
	}
	for _, queue := range []string{"orders", "audit"} {
		if _, err := ask(context.Background(), "/", "Action", "CreateQueue", "QueueName", queue); err != nil {
			return nil, err
		}
	}
	message := strings.Repeat("order ", 20<<10/6)
	deliver := func(ctx context.Context) error {
		if _, err := ask(ctx, "/queue/orders", "Action", "SendMessage", "MessageBody", message); err != nil {
			return err
		}
		body, err := ask(ctx, "/queue/orders", "Action", "ReceiveMessage")
		if err != nil {
			return err
		}
		if handle := receipt.FindStringSubmatch(body); handle != nil { // another worker may have received it
			_, err = ask(ctx, "/queue/orders", "Action", "DeleteMessage", "ReceiptHandle", handle[1])
		}
		return err
	}
	keep := func(ctx context.Context) error {
		_, err := ask(ctx, "/queue/audit", "Action", "SendMessage", "MessageBody", message)
		return err
	}
	if !c.leaks() {
		keep = deliver
	}
	return &client{work: deliver, fault: keep, close: h.http.CloseIdleConnections}, nil
}
