package apps

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// openrefineCases returns those of OpenRefine, on Jetty. A project that was imported stays in memory
// for an hour after its last use, unless it is deleted.
func openrefineCases() []testCase {
	const home = "/usr/share/openrefine"
	openrefine := server{
		name: "OpenRefine", needs: []need{{file: home + "/refine", debian: "openrefine"}}, rate: 4,
		arguments: func(_ *testing.T, _ *testCase, dir, address string) []string {
			host, port, _ := net.SplitHostPort(address)
			return []string{
				"-Drefine.host=" + host, "-Drefine.port=" + port, "-Drefine.data_dir=" + dir, "-Drefine.webapp=" + home + "/webapp",
				"-Drefine.headless=true", "-cp", home + "/server/*", "com.google.refine.Refine",
			}
		},
		connect: connectOpenRefine,
	}
	kept := testCase{
		server: openrefine, fault: "projects never closed", verdict: "heap", limit: 512, faults: 125, flags: []string{"-Xmx192m"},
		line: "com.google.refine.",
	}
	clean := kept.clean()
	clean.gc = "Serial"
	return []testCase{kept, clean}
}

// connectOpenRefine returns a client that reads the rows of one project, and imports others.
func connectOpenRefine(c *testCase, address string) (*client, error) {
	h := newHTTPClient(address)
	var rows strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&rows, "%d,name %d,street %d,%d\n", i, i, i*7, i*i)
	}
	token := func(ctx context.Context) (string, error) {
		body, _, err := h.exchange(ctx, http.StatusOK, http.MethodGet, "/command/core/get-csrf-token", "", "")
		if err != nil {
			return "", err
		}
		var answer struct {
			Token string `json:"token"`
		}
		err = json.Unmarshal([]byte(body), &answer)
		return "?csrf_token=" + url.QueryEscape(answer.Token), err
	}
	load := func(ctx context.Context) (project string, err error) {
		query, err := token(ctx)
		if err != nil {
			return "", err
		}
		var content bytes.Buffer
		form := multipart.NewWriter(&content)
		_ = form.WriteField("project-name", "orders")
		part, err := form.CreateFormFile("project-file", "orders.csv")
		if err != nil {
			return "", err
		}
		_, _ = part.Write([]byte(rows.String()))
		_ = form.Close()
		_, page, err := h.exchange(ctx, http.StatusOK, http.MethodPost, "/command/core/create-project-from-upload"+query, form.FormDataContentType(),
			content.String())
		if err != nil {
			return "", err
		}
		return page.Query().Get("project"), nil
	}
	remove := func(ctx context.Context, project string) error {
		query, err := token(ctx)
		if err != nil {
			return err
		}
		return h.send(ctx, http.MethodPost, "/command/core/delete-project"+query, "application/x-www-form-urlencoded", "project="+project)
	}
	orders, err := load(context.Background())
	if err != nil {
		return nil, err
	}
	return &client{
		work: func(ctx context.Context) error {
			return h.send(ctx, http.MethodGet, "/command/core/get-rows?start=0&limit=100&project="+orders, "", "")
		},
		fault: func(ctx context.Context) error {
			project, err := load(ctx)
			if err != nil || c.leaks() {
				return err
			}
			return remove(ctx, project)
		},
		close: h.http.CloseIdleConnections,
	}, nil
}
