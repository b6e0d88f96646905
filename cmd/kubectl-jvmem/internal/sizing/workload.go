package sizing

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/jvmem/jvmem/cmd/kubectl-jvmem/internal/fleet"
)

// Schema is the version of the JSON form.
const Schema = "jvmem.workload_sizing/v1"

// limitStep is what limits are rounded up to.
const limitStep = 4 << 20

// workload is the sizes of replicas.
type workload struct {
	Schema    string    `json:"schema"`
	Container string    `json:"container"`
	Replicas  []replica `json:"replicas"`
	// Recommended has the largest need of all replicas, part by part; nil: one leaks, or none
	// has sizes.
	Recommended *fleet.Settings `json:"recommended"`
	// Confidence is the least of the replicas'.
	Confidence string `json:"confidence,omitempty"`
	// Outlier needs far more than the others; "": none does.
	Outlier string `json:"outlier,omitempty"`

	pod *corev1.Pod // one of them
}

// replica is the container of one pod.
type replica struct {
	Pod         string          `json:"pod"`
	LimitBytes  *int64          `json:"limit_bytes"`
	Confidence  string          `json:"confidence,omitempty"`
	Recommended *fleet.Settings `json:"recommended"`
	// Leaks and Missing say why there are no sizes, Missing also what would improve them.
	Leaks   []string       `json:"leaks,omitempty"`
	Missing []string       `json:"missing,omitempty"`
	Problem *fleet.Problem `json:"problem,omitempty"`
}

// merge sizes the workload by the answers of its pods.
func merge(answers []fleet.SizingAnswer, container string) (*workload, error) {
	w := &workload{Schema: Schema, Container: container}
	for i := range answers {
		a := &answers[i]
		r := replica{Pod: a.Pod.Name, Problem: a.Problem}
		if a.Sizing != nil {
			c, err := w.choose(a.Sizing, a.Pod.Name)
			if err != nil {
				return nil, err
			}
			r.LimitBytes, r.Confidence, r.Recommended, r.Leaks, r.Missing = c.LimitBytes, c.Confidence, c.Recommended, c.Leaks, c.Missing
			w.pod = a.Pod
		}
		w.Replicas = append(w.Replicas, r)
	}
	if w.pod == nil {
		if len(answers) == 0 {
			return nil, errors.New("no pod has a container jvmem")
		}
		return nil, fmt.Errorf("no pod could be asked: %s: %w", answers[0].Name(), answers[0].Problem)
	}
	slices.SortStableFunc(w.Replicas, func(a, b replica) int { return cmp.Compare(b.limit(), a.limit()) })
	if !w.leaks() {
		w.recommend()
		w.Outlier = w.outlier()
	}
	return w, nil
}

// choose returns the container with the JVM, which must have the same name in all pods.
func (w *workload) choose(s *fleet.Sizing, pod string) (*fleet.ContainerSizing, error) {
	var names []string
	for i := range s.Containers {
		if c := &s.Containers[i]; w.Container == "" && len(s.Containers) == 1 || c.Name == w.Container {
			w.Container = c.Name
			return c, nil
		}
		names = append(names, s.Containers[i].Name)
	}
	if len(names) == 0 {
		return &fleet.ContainerSizing{Missing: []string{"a JVM: none was found yet"}}, nil
	}
	return nil, fmt.Errorf("pod %s has these containers with a JVM: %s: select one with -c", pod, fleet.Printable(strings.Join(names, ", "), 200))
}

func (r *replica) limit() int64 {
	if r.Recommended == nil {
		return 0
	}
	return r.Recommended.LimitBytes
}

func (w *workload) leaks() bool {
	return slices.ContainsFunc(w.Replicas, func(r replica) bool { return len(r.Leaks) > 0 })
}

// recommend takes the largest heap, and the largest need beside the heap: these may be of two
// replicas. The headroom has the largest share that one of them has.
func (w *workload) recommend() {
	var s fleet.Settings
	rest, headroom := int64(0), 1.0
	for i := range w.Replicas {
		r := w.Replicas[i].Recommended
		if r == nil || r.NeededBytes <= 0 {
			continue
		}
		if r.MaxHeapBytes > s.MaxHeapBytes {
			s.MaxHeapBytes, s.Options, s.JVMs = r.MaxHeapBytes, r.Options, r.JVMs
		}
		rest = max(rest, r.NeededBytes-r.MaxHeapBytes)
		headroom = max(headroom, float64(r.LimitBytes)/float64(r.NeededBytes))
		s.MaxMetaspaceBytes = larger(s.MaxMetaspaceBytes, r.MaxMetaspaceBytes)
		s.ReservedCodeCacheBytes = larger(s.ReservedCodeCacheBytes, r.ReservedCodeCacheBytes)
		s.MaxDirectMemoryBytes = larger(s.MaxDirectMemoryBytes, r.MaxDirectMemoryBytes)
		w.Confidence = lowerConfidence(w.Confidence, w.Replicas[i].Confidence)
	}
	if s.MaxHeapBytes == 0 {
		return
	}
	s.NeededBytes = s.MaxHeapBytes + rest
	s.LimitBytes = (int64(headroom*float64(s.NeededBytes)) + limitStep - 1) / limitStep * limitStep
	s.Options = setMaxima(s.Options, &s)
	w.Recommended = &s
}

// setMaxima puts the largest other maxima in the options of the replica with the largest heap.
func setMaxima(options []string, s *fleet.Settings) []string {
	options = slices.Clone(options)
	for i, option := range options {
		for prefix, bytes := range map[string]*int64{
			"-XX:MaxMetaspaceSize=": s.MaxMetaspaceBytes, "-XX:ReservedCodeCacheSize=": s.ReservedCodeCacheBytes, "-XX:MaxDirectMemorySize=": s.MaxDirectMemoryBytes,
		} {
			if strings.HasPrefix(option, prefix) && bytes != nil {
				options[i] = fmt.Sprintf("%s%dm", prefix, *bytes>>20)
			}
		}
	}
	return options
}

func larger(a, b *int64) *int64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}

// lowerConfidence returns the lower one of two; "" is none.
func lowerConfidence(a, b string) string {
	order := []string{"low", "medium", "high", ""}
	if slices.Index(order, a) < slices.Index(order, b) {
		return a
	}
	return b
}

// outlier is the replica with the largest need, if it is farther from the next one than all
// others are from each other, and by a tenth at least.
func (w *workload) outlier() string {
	const notable = 1.1
	sized := slices.DeleteFunc(slices.Clone(w.Replicas), func(r replica) bool { return r.Recommended == nil })
	n := len(sized)
	if n < 3 {
		return ""
	}
	first, second, last := sized[0].limit(), sized[1].limit(), sized[n-1].limit()
	if first-second > second-last && float64(first) >= notable*float64(second) {
		return sized[0].Pod
	}
	return ""
}
