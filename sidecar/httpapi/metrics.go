package httpapi

import (
	"net/http"
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metric is one that is exported; docs/metrics.md explains each.
type metric int

const (
	memoryBytes metric = iota
	memoryDetailBytes
	usageBytes
	workingSetBytes
	rssBytes
	reclaimableBytes
	limitBytes
	threads
	growth
	secondsToLimit
	leakSuspected
	budgetFits
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
	memoryBytes:       {"jvmem_memory_bytes", "What is resident and charged, by row: all rows with row=unattributed add up to usage.", []string{"container", "row"}},
	memoryDetailBytes: {"jvmem_memory_detail_bytes", "What is resident and charged, by part of a row: the parts add up to the row.", []string{"container", "row", "detail"}},
	usageBytes:        {"jvmem_container_usage_bytes", "All that the kernel charges, page cache too.", []string{"container"}},
	workingSetBytes:   {"jvmem_container_working_set_bytes", "Usage without inactive_file: kubectl top, and what kubelet evicts by.", []string{"container"}},
	rssBytes:          {"jvmem_container_rss_bytes", "Private memory (anon) of all processes, as cAdvisor's rss.", []string{"container"}},
	reclaimableBytes:  {"jvmem_container_reclaimable_bytes", "Page cache and slab that the kernel takes back before it kills.", []string{"container"}},
	limitBytes:        {"jvmem_container_limit_bytes", "The memory limit; absent if there is none.", []string{"container"}},
	threads:           {"jvmem_threads", "Threads by pool: the largest, and pool=other.", []string{"container", "pool"}},
	growth:            {"jvmem_growth_bytes_per_hour", "How fast what does not stop growing grows, by row; row=total: all that cannot be reclaimed, 0 if it does not grow.", []string{"container", "row"}},
	secondsToLimit:    {"jvmem_seconds_to_limit", "When the container's limit, or the heap's, is reached if all goes on as it did; absent if it is not.", []string{"container"}},
	leakSuspected:     {"jvmem_leak_suspected", "1 for each cause of growth that does not stop, else 0; absent until there is enough history.", []string{"container", "cause"}},
	budgetFits:        {"jvmem_budget_fits", "Whether the heap at its maximum and all else as it is now fit the limit (0 or 1).", []string{"container"}},
	oomKills:          {"jvmem_oom_kills_total", "Processes of the container that the kernel killed for want of memory, by cause.", []string{"container", "cause"}},
	logDropped:        {"jvmem_log_lines_dropped_total", "Log lines that were dropped because nobody read standard output.", nil},
	sourceUp:          {"jvmem_source_up", "Whether a source of facts could be read (0 or 1).", []string{"container", "source"}},
	sampleDuration:    {"jvmem_sample_duration_seconds", "How long the last sample took.", nil},
	sampleInterval:    {"jvmem_sample_interval_seconds", "Time between two samples of everything, as it is now: more than the interval where jvmem keeps to its CPU limit.", nil},
	cpuRatio:          {"jvmem_cpu_ratio", "What jvmem itself takes, as a share of one core, in the last minutes.", nil},
	maxCPURatio:       {"jvmem_max_cpu_ratio", "The share of one core that jvmem takes at most; absent if there is no limit.", nil},
	buildInfo:         {"jvmem_build_info", "1, with the version of jvmem.", []string{"version", "goversion"}},
}

// collector makes metrics of what the state holds: a scrape reads nothing else.
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
	report, _ := c.state.latest()
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
	if verdicts := c.state.verdicts(); verdicts != nil {
		out.verdicts(labels, report, verdicts)
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
	for i, label := range labels { // a process names itself and its threads as it likes
		labels[i] = strings.ToValidUTF8(label, "\uFFFD")
	}
	e.ch <- prometheus.MustNewConstMetric(e.descs[m], kind, value, labels...)
}

// known puts what is known.
func (e *exposition) known(m metric, value *int64, labels ...string) {
	if value != nil {
		e.put(m, float64(*value), labels...)
	}
}

// costs puts what jvmem takes itself.
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

// metricsHandler answers scrapes, in plain text or as the scraper asks for it. It
// does not compress: the buffers would take more memory than the rest of a scrape.
func metricsHandler(s *State) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(s))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true})
}
