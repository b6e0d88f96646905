// Package eventlog writes what jvmem found as log lines: one JSON object a line
// that conforms to ECS logging (github.com/elastic/ecs-logging, spec.json), so
// that Filebeat and Elastic Agent need no pipeline. The first fields are
// @timestamp, log.level and message, in this order; the message is a sentence
// for somebody who does not open the document.
//
// Our own fields are under jvmem: sizes are integers in bytes, and one that is
// not known is left out. The observed container is container.id and
// container.name: Filebeat sets kubernetes.container.name to the sidecar's.
package eventlog
