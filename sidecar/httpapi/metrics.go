package httpapi

import (
	"net/http"
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metric indexes metricTable; docs/metrics.md explains each metric.
type metric int

const (
	memoryBytes metric = iota
	memoryDetailBytes
	usageBytes
	workingSetBytes
	rssBytes
	reclaimableBytes
	limitBytes
	mallocWalked
	threads
	growth
	nativeGrowth
	nativeOwned
	nativeOwnersTime
	secondsToLimit
	leakSuspected
	stateFound
	incidentState
	budgetFits
	recommendedLimit
	recommendedHeap
	oomKills
	logDropped
	sourceUp
	sampleDuration
	sampleInterval
	cpuRatio
	maxCPURatio
	buildInfo
	numMetrics
)

var metricTable = [numMetrics]struct {
	name, help string
	labels     []string
}{
	memoryBytes:       {"jvmem_memory_bytes", "Resident memory charged to the container, by row. The sum over all rows, including unattributed, is the usage.", []string{"container", "row"}},
	memoryDetailBytes: {"jvmem_memory_detail_bytes", "Resident memory charged to the container, by detail of a row. The details of a row add up to the row.", []string{"container", "row", "detail"}},
	usageBytes:        {"jvmem_container_usage_bytes", "Memory charged to the container, including page cache.", []string{"container"}},
	workingSetBytes:   {"jvmem_container_working_set_bytes", "Usage without inactive_file, as shown by kubectl top and used by the kubelet for eviction.", []string{"container"}},
	rssBytes:          {"jvmem_container_rss_bytes", "Anonymous memory of all processes, as rss in cAdvisor.", []string{"container"}},
	reclaimableBytes:  {"jvmem_container_reclaimable_bytes", "Page cache and slab that the kernel can reclaim before an OOM kill.", []string{"container"}},
	limitBytes:        {"jvmem_container_limit_bytes", "Memory limit; absent if there is none.", []string{"container"}},
	mallocWalked:      {"jvmem_malloc_walk_timestamp_seconds", "When malloc's blocks were last walked through, by which native memory is split, in Unix time; absent if it is not split by them.", []string{"container"}},
	threads:           {"jvmem_threads", "Threads by pool. The largest pools have a series of their own, the others are pool=other.", []string{"container", "pool"}},
	growth:            {"jvmem_growth_bytes_per_hour", "Rate of sustained growth, by row. row=total is that of unreclaimable memory, 0 if it does not grow.", []string{"container", "row"}},
	nativeGrowth:      {"jvmem_native_growth_bytes", "Growth of native memory since a baseline, by the library that the new blocks belong to. The largest have a series of their own; the rest, named or not, is library=other.", []string{"container", "library"}},
	nativeOwned:       {"jvmem_native_owned_bytes", "Untracked native memory, by the library that owned it in the last look; the rest, named or not, and what was allocated since, is library=other. The series add up to the detail untracked or, if that is unknown, malloc.", []string{"container", "library"}},
	nativeOwnersTime:  {"jvmem_native_owners_timestamp_seconds", "Time of the last look at the owners of native memory, since the epoch.", []string{"container"}},
	secondsToLimit:    {"jvmem_seconds_to_limit", "Time until the container's limit or the maximum heap is reached at the current growth rate; absent if neither will be.", []string{"container"}},
	leakSuspected:     {"jvmem_leak_suspected", "1 for each cause with a confirmed leak incident, also while its growth pauses, 0 for each other cause; absent without enough history.", []string{"container", "cause"}},
	stateFound:        {"jvmem_state", "1 for each state beside leaks that the container is in, 0 for each other one; without enough history only those that it is in.", []string{"container", "state"}},
	incidentState:     {"jvmem_incident_state", "1 for the state of each leak incident that is not closed, 0 for the states that it is not in.", []string{"container", "cause", "state"}},
	budgetFits:        {"jvmem_budget_fits", "Whether the maximum heap plus the peak of all other memory fits the limit (0 or 1).", []string{"container"}},
	recommendedLimit:  {"jvmem_recommended_limit_bytes", "Memory limit that suffices for what was seen, with headroom; absent while something leaks or too little was seen.", []string{"container"}},
	recommendedHeap:   {"jvmem_recommended_max_heap_bytes", "Maximum heap that belongs to the recommended limit.", []string{"container"}},
	oomKills:          {"jvmem_oom_kills_total", "Processes of the container that were OOM-killed, by cause.", []string{"container", "cause"}},
	logDropped:        {"jvmem_log_lines_dropped_total", "Log lines dropped because standard output was not read.", nil},
	sourceUp:          {"jvmem_source_up", "Whether a source could be read completely (0 or 1).", []string{"container", "source"}},
	sampleDuration:    {"jvmem_sample_duration_seconds", "Duration of the last sample.", nil},
	sampleInterval:    {"jvmem_sample_interval_seconds", "Current time between two full samples; one that is not needed as nothing has moved counts as taken. It exceeds the configured interval while jvmem keeps to its CPU limit.", nil},
	cpuRatio:          {"jvmem_cpu_ratio", "CPU usage of jvmem in the last minutes, as a share of one core.", nil},
	maxCPURatio:       {"jvmem_max_cpu_ratio", "CPU limit that jvmem keeps to, as a share of one core; absent if there is none.", nil},
	buildInfo:         {"jvmem_build_info", "1, labelled with the version of jvmem.", []string{"version", "goversion"}},
}

// collector makes metrics from the state: a scrape reads nothing else.
type collector struct {
	state *State
	descs [numMetrics]*prometheus.Desc
}

func newCollector(s *State) *collector {
	c := &collector{state: s}
	for i := range metricTable {
		m := &metricTable[i]
		c.descs[i] = prometheus.NewDesc(m.name, m.help, m.labels, nil)
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	out := &exposition{c, ch}
	out.put(buildInfo, 1, c.state.Version, runtime.Version())
	if c.state.LogDropped != nil {
		out.put(logDropped, float64(c.state.LogDropped()))
	}
	report, _ := c.state.latestReport()
	if report == nil {
		return
	}
	labels := containerLabels(report.Containers)
	for i := range report.Containers {
		out.container(labels[i], &report.Containers[i])
	}
	out.sources("", report.Sources, "processes")
	if report.SampleSeconds != nil {
		out.put(sampleDuration, *report.SampleSeconds)
	}
	out.costs(c.state.costs())
	if verdicts := c.state.latestDiagnosis(); verdicts != nil {
		out.verdicts(labels, report, verdicts)
	}
	if sizes := c.state.latestSizes(); sizes != nil {
		out.sizes(labels, report, sizes)
	}
	if c.state.Autopsies != nil {
		out.kills(labels, c.state.Autopsies.Report().Kills)
	}
}

// exposition is one scrape.
type exposition struct {
	*collector
	ch chan<- prometheus.Metric
}

func (e *exposition) put(m metric, value float64, labels ...string) {
	kind := prometheus.GaugeValue
	if m == oomKills || m == logDropped {
		kind = prometheus.CounterValue
	}
	for i, label := range labels { // processes and threads have arbitrary names
		labels[i] = strings.ToValidUTF8(label, "\uFFFD")
	}
	e.ch <- prometheus.MustNewConstMetric(e.descs[m], kind, value, labels...)
}

// known exposes a value unless it is unknown.
func (e *exposition) known(m metric, value *int64, labels ...string) {
	if value != nil {
		e.put(m, float64(*value), labels...)
	}
}

// costs exposes the costs of jvmem itself.
func (e *exposition) costs(c Cost) {
	if c.SampleInterval != nil {
		e.put(sampleInterval, c.SampleInterval.Seconds())
	}
	if c.CPURatio != nil {
		e.put(cpuRatio, *c.CPURatio)
	}
	if c.MaxCPURatio != nil {
		e.put(maxCPURatio, *c.MaxCPURatio)
	}
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// metricsHandler answers scrapes in the format that the scraper accepts. It does not
// compress: the buffers would take more memory than the rest of a scrape.
func metricsHandler(s *State) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(s))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true})
}
