package apps

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// httpClient sends HTTP requests to one server.
type httpClient struct {
	http http.Client
	url  string
}

func newHTTPClient(address string) *httpClient {
	return &httpClient{http: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}, url: "http://" + address}
}

// getter is the client of the programs in testdata.
func getter(_ *testCase, address string) (*client, error) {
	h := newHTTPClient(address)
	return &client{
		work:  func(ctx context.Context) error { return h.send(ctx, http.MethodGet, "/work", "", "") },
		fault: func(ctx context.Context) error { return h.send(ctx, http.MethodGet, "/fault", "", "") },
		close: h.http.CloseIdleConnections,
	}, nil
}

// send returns an error unless the answer is OK.
func (h *httpClient) send(ctx context.Context, method, path, contentType, content string) error {
	_, _, err := h.exchange(ctx, http.StatusOK, method, path, contentType, content)
	return err
}

// exchange returns the body of the answer, and where it came from after redirects. Any other
// status is an error.
func (h *httpClient) exchange(ctx context.Context, status int, method, path, contentType, content string) (string, *url.URL, error) {
	request, err := http.NewRequestWithContext(ctx, method, h.url+path, strings.NewReader(content))
	if err != nil {
		return "", nil, err
	}
	request.Header.Set("Accept", "*/*") // Puppet Server requires one
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := h.http.Do(request)
	if err != nil {
		return "", nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != status {
		err = fmt.Errorf("%s %s: %s: %.300s", method, path, response.Status, body)
	}
	return string(body), response.Request.URL, err
}
