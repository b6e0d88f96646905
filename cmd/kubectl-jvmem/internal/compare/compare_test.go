package compare_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/compare"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet/fleettest"
	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/kube"
)

var update = flag.Bool("update", false, "write the golden files")

// deploy has two pods of a revision, two of the next one, and what is left out.
func deploy() []fleettest.Pod {
	var pods []fleettest.Pod
	add := func(name, revision string, minute int, p fleettest.Pod) {
		p.Name, p.CreationTimestamp = name, metav1.NewTime(time.Date(2026, 11, 29, 1, minute, 0, 0, time.UTC))
		p.Labels = map[string]string{"app": "orders", "pod-template-hash": revision}
		pods = append(pods, p)
	}
	add("orders-b-0", "b", 40, fleettest.New("shop", "", "jdk25-serial-new"))
	add("orders-b-1", "b", 41, fleettest.New("shop", "", "jdk25-serial-new"))
	add("orders-a-0", "a", 20, fleettest.New("shop", "", "jdk25-serial-old"))
	add("orders-a-1", "a", 21, fleettest.New("shop", "", "jdk17-serial-calm"))
	add("orders-a-2", "a", 22, fleettest.Failing("shop", "", fleettest.Text(401, "authentication required\n")))
	add("blind-0", "c", 23, fleettest.New("shop", "", "jdk17-serial-other-uid"))
	add("leak-0", "d", 24, fleettest.New("shop", "", "jdk17-serial-nmt-direct-leak"))
	add("restarted-0", "e", 25, fleettest.Failing("shop", "", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("path") == "history" {
			fleettest.Text(200, `{"schema":"jvmem.history/v1","containers":[]}`)(w, r)
			return
		}
		_, _ = w.Write(fleettest.Capture("jdk17-serial-calm", r.PathValue("path")))
	}))
	for _, i := range []int{5, 6, 7} {
		pods[i].Labels["app"] = pods[i].Name
	}
	return pods
}

func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	server := fleettest.Serve(deploy())
	t.Cleanup(server.Close)
	var out, errOut bytes.Buffer
	access := kube.NewAccess("test", genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	cmd := compare.NewCommand(access)
	access.AddFlags(cmd.PersistentFlags())
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append([]string{"--server", server.URL, "--kubeconfig", os.DevNull, "-n", "shop", "--pod-timeout", "1m"}, args...))
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

func TestTable(t *testing.T) {
	for name, args := range map[string][]string{
		"pods":        {"orders-a-0", "orders-b-0"},
		"same-uptime": {"orders-a-0", "orders-b-0", "--same-uptime"},
		"replicas":    {"orders-a-0", "orders-a-1", "orders-b-0", "leak-0"},
		"unknown":     {"orders-a-1", "blind-0"},
		"revision":    {"--by", "revision", "-l", "app=orders"},
	} {
		t.Run(name, func(t *testing.T) {
			out, notes, err := run(t, args...)
			if err != nil {
				t.Fatal(err)
			}
			got := out + "-- standard error\n" + notes
			file := filepath.Join("testdata", name+".golden.txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s (run with -update): got\n%s\nwant\n%s", file, got, want)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	out, notes, err := run(t, "--by", "revision", "-l", "app=orders", "-o", "json")
	if err != nil || notes != "" {
		t.Fatal(err, notes)
	}
	var c compare.Comparison
	if err := json.Unmarshal([]byte(out), &c); err != nil || c.Schema != compare.Schema {
		t.Fatal(err, c.Schema)
	}
	if len(c.Groups) != 2 || c.Groups[0].Name != "a" || len(c.Groups[0].Pods) != 2 || len(c.Notes) != 2 {
		t.Errorf("%+v, notes %q", c.Groups, c.Notes)
	}
	values := make(map[string]compare.Value)
	for _, v := range c.Values {
		values[v.Name] = v
	}
	// 2231 classes in both pods of b, 931 and 593 in those of a.
	if v := values["classes"]; v.Difference == nil || *v.Difference != 2231-762 || v.BeyondSpread == nil || !*v.BeyondSpread || v.Unit != "count" {
		t.Errorf("%+v", v)
	}
	// A part that only a JDK has is unknown in no pod of b, and no 0.
	for name, v := range values {
		for i, r := range v.Groups {
			if r != nil && (r.Known == 0 || r.Min > r.Max || float64(r.Max) < r.Median) {
				t.Errorf("%s of group %d: %+v", name, i, r)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	for want, args := range map[string][]string{
		"two pods or more":                   {"orders-a-0"},
		"needs a selector":                   {"--by", "revision"},
		"--by revision -l":                   {"orders-a-0", "orders-a-1", "-l", "x=y"},
		"use json":                           {"orders-a-0", "orders-a-1", "-o", "wide"},
		"password required":                  {"orders-a-0", "orders-a-2"},
		"not found":                          {"orders-a-0", "nothing"},
		"nothing to compare":                 {"--by", "app", "-l", "pod-template-hash=b"},
		"no pod could be compared":           {"--by", "team", "-l", "app=orders"},
		"by --container: app":                {"orders-a-0", "orders-a-1", "-c", "web"},
		"cannot be compared at the same upt": {"restarted-0", "blind-0", "--same-uptime"},
	} {
		if out, _, err := run(t, args...); err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%v: %v, want %q\n%s", args, err, want, out)
		}
	}
}
