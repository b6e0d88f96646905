{{/*
A value as CEL literal, so that the policy injects what the template says. CEL wants one type in a map or list:
dyn() where they differ.
*/}}
{{- define "jvmem.cel" -}}
{{- $indent := .indent | default "" -}}
{{- $inner := printf "%s  " $indent -}}
{{- if kindIs "map" .value -}}
  {{- $strings := true -}}
  {{- range .value }}{{ if not (kindIs "string" .) }}{{ $strings = false }}{{ end }}{{ end -}}
  {
  {{- range $key, $value := .value }}
{{ $inner }}{{ $key | toRawJson }}: {{ if $strings }}{{ $value | toRawJson }}{{ else }}dyn({{ include "jvmem.cel" (dict "value" $value "indent" $inner) }}){{ end }},
  {{- end }}
{{ $indent }}}
{{- else if kindIs "slice" .value -}}
  [
  {{- range $i, $value := .value -}}
    {{ if $i }}, {{ end }}{{ if kindIs "string" $value }}{{ $value | toRawJson }}{{ else }}dyn({{ include "jvmem.cel" (dict "value" $value "indent" $indent) }}){{ end }}
  {{- end -}}
  ]
{{- else if kindIs "float64" .value -}}
  {{- /* A number that is no integer is a quantity. */ -}}
  {{ if eq .value (floor .value) }}{{ int64 .value }}{{ else }}{{ toString .value | toRawJson }}{{ end }}
{{- else -}}
  {{ .value | toRawJson }}
{{- end -}}
{{- end -}}
