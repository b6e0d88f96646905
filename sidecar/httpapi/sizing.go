package httpapi

import (
	"net/http"

	"github.com/jvmem/jvmem/sidecar/breakdown"
	"github.com/jvmem/jvmem/sidecar/sizing"
)

func (s *State) sizing(w http.ResponseWriter, r *http.Request) {
	sizes := s.latestSizes()
	if sizes == nil {
		writeText(w, http.StatusServiceUnavailable, noSample)
		return
	}
	if text := r.URL.Query().Get("limit"); text != "" {
		limit, err := sizing.ParseLimit(text)
		if err != nil {
			writeText(w, http.StatusBadRequest, err.Error()+"\n")
			return
		}
		sizes = sizes.For(limit)
	}
	show(w, r, sizes)
}

// sizes exposes the limits that are recommended for the containers of a report, like
// verdicts.
func (e *exposition) sizes(labels []string, r *breakdown.Report, sizes *sizing.Report) {
	for i := range r.Containers {
		for k := range sizes.Containers {
			if c := &sizes.Containers[k]; c.Same(r.Containers[i].Identity) && c.Recommended != nil {
				e.put(recommendedLimit, float64(c.Recommended.LimitBytes), labels[i])
				e.put(recommendedHeap, float64(c.Recommended.MaxHeapBytes), labels[i])
				break
			}
		}
	}
}
