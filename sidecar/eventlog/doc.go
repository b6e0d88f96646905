// Package eventlog writes findings as log lines: one JSON object a line that conforms to
// ECS logging (github.com/elastic/ecs-logging, spec.json). The first fields are
// @timestamp, log.level and message, in this order. The message is a complete
// sentence, readable without the other fields.
//
// jvmem's own fields are under jvmem: sizes are integers in bytes, and unknown ones are
// omitted. There are no lists, because Kibana cannot chart them. Shippers overwrite some
// fields with those of the sidecar: kubernetes.container.name, container.id (Filebeat's
// autodiscover), event.dataset (Elastic Agent). jvmem.container and log.logger repeat what
// they overwrite.
//
// Events flow one way: a method of Log makes the record, the handler of its dataset
// renders it, and the queue takes the line with the rank of the dataset.
//
// docs/kibana.md documents all fields; docs/kibana has their types and a dashboard. Tests
// compare these files with real lines in both directions.
package eventlog
