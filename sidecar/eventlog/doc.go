// Package eventlog writes what jvmem found as log lines: one JSON object a line
// that conforms to ECS logging (github.com/elastic/ecs-logging, spec.json). The
// first fields are @timestamp, log.level and message, in this order; the message is
// a sentence for somebody who does not open the document.
//
// Our own fields are under jvmem: sizes are integers in bytes, and one that is
// not known is left out. No list is written: Kibana cannot chart one. Shippers write
// over some fields what they know of the sidecar: kubernetes.container.name,
// container.id (Filebeat's autodiscover), event.dataset (Elastic Agent). What they
// replace is there a second time: jvmem.container and log.logger.
//
// docs/kibana.md tells all fields; docs/kibana has their types, and a dashboard.
// The tests hold these files to the lines, and the lines to the files.
package eventlog
