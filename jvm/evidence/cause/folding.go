package cause

import (
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/jvm/jfr"
)

// What is shown instead of folded frames that never lead.
const (
	jdk           = "JDK"
	concurrent    = "java.util.concurrent"
	generatedCode = "generated code"
	unknownCode   = "unknown code"
)

// libraries are the prefixes of classes whose frames are folded, with the name that is shown
// instead of them.
var libraries = []struct{ prefix, name string }{
	{"java.util.concurrent.", concurrent},
	{"java.", jdk},
	{"javax.", jdk},
	{"jdk.", jdk},
	{"sun.", jdk},
	{"com.sun.", jdk},
	{"com.oracle.", "Oracle"},
	{"oracle.", "Oracle"},
	{"jakarta.", "Jakarta EE"},
	{"org.springframework.", "Spring"},
	{"org.apache.catalina.", "Tomcat"},
	{"org.apache.coyote.", "Tomcat"},
	{"org.apache.tomcat.", "Tomcat"},
	{"org.apache.jasper.", "Tomcat"},
	{"org.eclipse.jetty.", "Jetty"},
	{"io.undertow.", "Undertow"},
	{"org.jboss.", "JBoss"},
	{"org.xnio.", "JBoss"},
	{"org.glassfish.", "GlassFish"},
	{"io.netty.", "Netty"},
	{"io.vertx.", "Vert.x"},
	{"io.micronaut.", "Micronaut"},
	{"io.quarkus.", "Quarkus"},
	{"io.helidon.", "Helidon"},
	{"reactor.", "Reactor"},
	{"io.reactivex.", "RxJava"},
	{"rx.", "RxJava"},
	{"org.reactivestreams.", "Reactive Streams"},
	{"io.smallrye.", "SmallRye"},
	{"io.grpc.", "gRPC"},
	{"kotlin.", "Kotlin"},
	{"kotlinx.", "Kotlin"},
	{"scala.", "Scala"},
	{"akka.", "Akka"},
	{"org.apache.pekko.", "Pekko"},
	{"clojure.", "Clojure"},
	{"groovy.", "Groovy"},
	{"org.codehaus.groovy.", "Groovy"},
	{"org.apache.groovy.", "Groovy"},
	{"org.mozilla.javascript.", "Rhino"},
	{"org.python.", "Jython"},
	{"org.jruby.", "JRuby"},
	{"org.hibernate.", "Hibernate"},
	{"org.mybatis.", "MyBatis"},
	{"org.jooq.", "jOOQ"},
	{"com.zaxxer.hikari.", "HikariCP"},
	{"org.h2.", "H2"},
	{"org.hsqldb.", "HSQLDB"},
	{"org.apache.derby.", "Derby"},
	{"org.postgresql.", "PostgreSQL"},
	{"com.mysql.", "MySQL"},
	{"org.mariadb.", "MariaDB"},
	{"com.microsoft.sqlserver.", "SQL Server"},
	{"com.mongodb.", "MongoDB"},
	{"org.bson.", "MongoDB"},
	{"redis.clients.", "Jedis"},
	{"io.lettuce.", "Lettuce"},
	{"org.redisson.", "Redisson"},
	{"org.apache.kafka.", "Kafka"},
	{"com.rabbitmq.", "RabbitMQ"},
	{"org.apache.activemq.", "ActiveMQ"},
	{"org.apache.zookeeper.", "ZooKeeper"},
	{"org.apache.curator.", "Curator"},
	{"org.apache.lucene.", "Lucene"},
	{"org.elasticsearch.", "Elasticsearch"},
	{"co.elastic.", "Elastic"},
	{"okhttp3.", "OkHttp"},
	{"okio.", "OkHttp"},
	{"retrofit2.", "Retrofit"},
	{"feign.", "Feign"},
	{"org.apache.http.", "HttpClient"},
	{"org.apache.hc.", "HttpClient"},
	{"com.amazonaws.", "AWS"},
	{"software.amazon.", "AWS"},
	{"com.google.common.", "Guava"},
	{"com.google.inject.", "Guice"},
	{"com.google.gson.", "Gson"},
	{"com.google.protobuf.", "Protobuf"},
	{"com.fasterxml.jackson.", "Jackson"},
	{"com.github.benmanes.caffeine.", "Caffeine"},
	{"com.netflix.", "Netflix"},
	{"io.github.resilience4j.", "Resilience4j"},
	{"org.quartz.", "Quartz"},
	{"org.apache.camel.", "Camel"},
	{"org.apache.cxf.", "CXF"},
	{"org.apache.commons.", "Apache Commons"},
	{"org.apache.velocity.", "Velocity"},
	{"org.thymeleaf.", "Thymeleaf"},
	{"freemarker.", "FreeMarker"},
	{"io.micrometer.", "Micrometer"},
	{"io.opentelemetry.", "OpenTelemetry"},
	{"io.prometheus.", "Prometheus"},
	{"org.slf4j.", "logging"},
	{"ch.qos.logback.", "logging"},
	{"org.apache.logging.", "logging"},
	{"org.aspectj.", "AspectJ"},
	{"net.sf.cglib.", "CGLIB"},
	{"net.bytebuddy.", "Byte Buddy"},
	{"javassist.", "Javassist"},
	{"org.objectweb.asm.", "ASM"},
}

// generated are parts of the names of classes that no source file has.
var generated = []string{
	"$$Lambda", "$Proxy", "$$EnhancerBy", "$$FastClassBy", "$$KeyFactoryBy", "$$SpringCGLIB$$", "$HibernateProxy$", "$ByteBuddy$",
	"$$_jvst", "_$$_", "$MockitoMock$",
}

// folded returns what is shown instead of a frame; "" if it is other code, which is shown.
func folded(f jfr.Frame) string {
	for _, part := range generated {
		if strings.Contains(f.Class, part) {
			return generatedCode
		}
	}
	for _, l := range libraries {
		if strings.HasPrefix(f.Class, l.prefix) {
			return l.name
		}
	}
	if f.Class == "" {
		return unknownCode
	}
	if isScript(f.Class) {
		return generatedCode
	}
	return ""
}

// isScript reports whether a class has a name that Groovy's shell generates: Script1,
// Script12$_run_closure1.
func isScript(class string) bool {
	class, _, _ = strings.Cut(class, "$")
	number, ok := strings.CutPrefix(class, "Script")
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// maxShown is the number of lines of a stack that are shown.
const maxShown = 8

// stack is a stack trace, the innermost frame first.
type stack struct {
	frames    []jfr.Frame
	truncated bool // there are more
}

// lead returns the first frame of other code, which own does not fold either. If there is none,
// all is done by a library, whose first frame leads. ok is false if only the JDK and generated
// code are there, or if other code may be in the part that is missing.
func (s stack) lead(own func(jfr.Frame) bool) (l Line, ok bool) {
	for _, f := range s.frames {
		switch name := folded(f); {
		case own != nil && own(f):
		case name == "":
			return lineOf(f), true
		case !ok && name != jdk && name != concurrent && name != generatedCode && name != unknownCode:
			l, ok = lineOf(f), true
		}
	}
	return l, ok && !s.truncated
}

// show returns the stack with each run of folded frames as one line.
func (s stack) show() []string {
	var shown []string
	for i := 0; i < len(s.frames) && len(shown) < maxShown; {
		name, run := folded(s.frames[i]), 1
		if name == "" {
			shown = append(shown, lineOf(s.frames[i]).String())
			i++
			continue
		}
		for i+run < len(s.frames) && folded(s.frames[i+run]) == name {
			run++
		}
		frames := "frames"
		if run == 1 {
			frames = "frame"
		}
		shown = append(shown, fmt.Sprintf("%s (%d %s)", name, run, frames))
		i += run
	}
	return shown
}
