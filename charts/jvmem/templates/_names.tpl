{{- define "jvmem.fullname" -}}
{{- if contains "jvmem" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-jvmem" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "jvmem.labels" -}}
app.kubernetes.io/name: jvmem
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Every pod with the sidecar has it, however it came in: PodMonitor and NetworkPolicy select by it. */}}
{{- define "jvmem.podLabels" -}}
jvmem.io/sidecar: "true"
{{- end -}}

{{/* true if the cluster has no kind of the Prometheus Operator. A cluster lists its kinds; what renders without one (helm template, helm lint)
     does not, and gets the object. */}}
{{- define "jvmem.lacks" -}}
{{- $kinds := .root.Capabilities.APIVersions -}}
{{- if and ($kinds.Has "v1/Pod") (not ($kinds.Has (printf "monitoring.coreos.com/v1/%s" .kind))) }}true{{ end -}}
{{- end -}}
