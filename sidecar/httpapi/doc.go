// Package httpapi shows the latest report over HTTP. It answers from memory: no
// request reads /proc or reaches a JVM. It takes GET and HEAD only.
package httpapi
