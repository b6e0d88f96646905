package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
)

// TestLargeAnswers: at most maxLarge clients that do not read a large response are served.
func TestLargeAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := large(make(chan struct{}, maxLarge), func(w http.ResponseWriter, _ *http.Request) {
			<-release
			writeText(w, http.StatusOK, "all of it")
		})
		answers := make(chan int, maxLarge+1)
		for range maxLarge + 1 {
			go func() {
				w := httptest.NewRecorder()
				h(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/history", nil))
				answers <- w.Code
			}()
		}
		if code := <-answers; code != http.StatusServiceUnavailable {
			t.Errorf("one too many: %d", code)
		}
		close(release)
		for range maxLarge {
			if code := <-answers; code != http.StatusOK {
				t.Errorf("the others: %d", code)
			}
		}
	})
}
