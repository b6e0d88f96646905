// Package httpapi serves the page, the JSON documents and the metrics over HTTP. It
// responds from memory: no request reads /proc or reaches a JVM. It accepts GET and HEAD
// only.
package httpapi
