package diagnosis

import (
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/sidecar/rows"
)

const (
	// idleThreads of one pool or more are named, if idleShare of those looked at, which must
	// be idleLooked or more, did nothing.
	idleThreads = 200
	idleShare   = 0.9
	idleLooked  = 20
)

// idleThreads: a pool is far larger than what it does. No leak: the threads may be kept for
// the next peak.
func (j *judge) idleThreads() (Finding, bool) {
	for k := range j.c.JVMs {
		i := j.c.JVMs[k].Threads.Idle
		if i == nil || i.Threads < idleThreads || i.Looked < idleLooked || float64(i.Idle) < idleShare*float64(i.Looked) {
			continue
		}
		f := Finding{Verdict: rows.VerdictIdleThreads, Subject: i.Pool}
		f.Evidence = []string{fmt.Sprintf("%d threads; %d of %d looked at used 10 ms of CPU time or less in %.0f min", i.Threads, i.Idle, i.Looked, i.Seconds/60)}
		if i.StackBytes != nil {
			f.Evidence = append(f.Evidence, fmt.Sprintf("their stacks take %s, %s each", bytesText(float64(*i.StackBytes)), bytesText(float64(*i.StackBytes)/float64(i.Threads))))
		}
		f.Next = []string{
			"if a load peak does not need them, bound the pool: " + poolSetting(i.Pool),
			"-Xss bounds what a stack may take, not what it takes: only fewer threads free memory",
		}
		return f, true
	}
	return Finding{}, false
}

// poolSetting names the setting that bounds a pool, by its name.
func poolSetting(pool string) string {
	for _, known := range []struct{ name, setting string }{
		{"http-nio", "maxThreads and minSpareThreads of Tomcat's connector (Spring Boot: server.tomcat.threads.max and .min-spare)"},
		{"https-jsse-nio", "maxThreads and minSpareThreads of Tomcat's connector (Spring Boot: server.tomcat.threads.max and .min-spare)"},
		{"qtp", "maxThreads of Jetty's QueuedThreadPool (Spring Boot: server.jetty.threads.max)"},
		{"XNIO", "the worker threads of Undertow (Spring Boot: server.undertow.threads.worker)"},
		{"ForkJoinPool.commonPool", "-Djava.util.concurrent.ForkJoinPool.common.parallelism"},
		{"ForkJoinPool", "the parallelism of the ForkJoinPool"},
		{"grpc-default-executor", "the executor of the gRPC server or channel, which has no bound by default"},
		{"nioEventLoopGroup", "-Dio.netty.eventLoopThreads, and one EventLoopGroup for all clients"},
		{"epollEventLoopGroup", "-Dio.netty.eventLoopThreads, and one EventLoopGroup for all clients"},
		{"pool-", "the size of the executor (Executors.newFixedThreadPool, ThreadPoolExecutor), with allowCoreThreadTimeOut(true) to end idle threads"},
	} {
		if strings.HasPrefix(pool, known.name) {
			return known.setting
		}
	}
	return "the size of its executor, with allowCoreThreadTimeOut(true) to end idle threads"
}
