package cause

import (
	"fmt"
	"strings"

	"github.com/jvmem/jvmem/jvm/jfr"
)

// libraries are the prefixes of classes whose frames are folded, with the name that is shown
// instead of them.
var libraries = []struct{ prefix, name string }{
	{"java.util.concurrent.", "java.util.concurrent"},
	{"java.", "JDK"},
	{"javax.", "JDK"},
	{"jdk.", "JDK"},
	{"sun.", "JDK"},
	{"com.sun.", "JDK"},
	{"com.oracle.", "JDK"},
	{"jakarta.", "Jakarta EE"},
	{"org.springframework.", "Spring"},
	{"org.apache.catalina.", "Tomcat"},
	{"org.apache.coyote.", "Tomcat"},
	{"org.apache.tomcat.", "Tomcat"},
	{"org.apache.jasper.", "Tomcat"},
	{"org.eclipse.jetty.", "Jetty"},
	{"io.undertow.", "Undertow"},
	{"org.jboss.", "JBoss"},
	{"io.netty.", "Netty"},
	{"io.vertx.", "Vert.x"},
	{"io.micronaut.", "Micronaut"},
	{"io.quarkus.", "Quarkus"},
	{"reactor.", "Reactor"},
	{"io.reactivex.", "RxJava"},
	{"rx.", "RxJava"},
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
	{"org.hibernate.", "Hibernate"},
	{"com.zaxxer.hikari.", "HikariCP"},
	{"com.fasterxml.jackson.", "Jackson"},
	{"com.google.common.", "Guava"},
	{"com.github.benmanes.caffeine.", "Caffeine"},
	{"org.slf4j.", "logging"},
	{"ch.qos.logback.", "logging"},
	{"org.apache.logging.", "logging"},
	{"org.apache.commons.", "Apache Commons"},
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
			return "generated code"
		}
	}
	for _, l := range libraries {
		if strings.HasPrefix(f.Class, l.prefix) {
			return l.name
		}
	}
	if f.Class == "" {
		return "unknown code"
	}
	return ""
}

// maxShown is the number of lines of a stack that are shown.
const maxShown = 8

// lead returns the first frame of other code, which own does not fold either; ok is false if
// there is none.
func lead(frames []jfr.Frame, own func(jfr.Frame) bool) (l Line, ok bool) {
	for _, f := range frames {
		if folded(f) == "" && (own == nil || !own(f)) {
			return lineOf(f), true
		}
	}
	return Line{}, false
}

// show returns a stack with its folded frames as one line each run.
func show(stack []jfr.Frame) []string {
	var shown []string
	for i := 0; i < len(stack) && len(shown) < maxShown; {
		name, run := folded(stack[i]), 1
		if name == "" {
			shown = append(shown, lineOf(stack[i]).String())
			i++
			continue
		}
		for i+run < len(stack) && folded(stack[i+run]) == name {
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
