{{/*
The templates that other charts include. Each takes a dict with root: the root scope ($) of the chart that has jvmem as
a dependency, or of jvmem itself. The settings are jvmem's own values.

jvmem.container   the sidecar, as an item of initContainers. Also: container (name of the JVM's container), user, group (its UID and
                  GID; without both, or if user is 0, the sidecar starts as root and takes them from the JVM); native: false for an item of
                  containers; guaranteed: true for a pod of this QoS class
jvmem.volumes     its volumes, items of volumes
jvmem.podSpec     what the pod's spec needs
jvmem.podLabels   what PodMonitor and NetworkPolicy select by
jvmem.env         the NMT option, as an item of the JVM container's env. Also: options, the JDK_JAVA_OPTIONS it has
*/}}
{{- define "jvmem.container" -}}
{{- if not .container }}{{ fail "jvmem.container: set container to the name of the JVM's container" }}{{ end -}}
{{- $imageUser := (include "jvmem.scope" . | fromYaml).Values.imageUser -}}
{{- $isRoot := and (not (kindIs "invalid" .user)) (eq (int64 .user) 0) -}}
{{- $takesUser := and (or $isRoot (and (kindIs "invalid" .user) (kindIs "invalid" .group))) (ne $imageUser "ignore") -}}
{{- $sidecar := include "jvmem.sidecar" . | fromYaml -}}
{{- $_ := set $sidecar "env" (append $sidecar.env (dict "name" "JVMEM_CONTAINER_NAME" "value" .container)) -}}
{{- if $takesUser -}}
  {{- $_ := set $sidecar "env" (append $sidecar.env (dict "name" "JVMEM_USER" "value" "jvm")) -}}
  {{- $_ := set $sidecar.securityContext "runAsUser" 0 -}}
  {{- $_ := set $sidecar.securityContext "runAsNonRoot" false -}}
  {{- if eq $imageUser "any" -}}
    {{- $_ := unset $sidecar.securityContext "capabilities" -}}
  {{- else -}}
    {{- $_ := set $sidecar.securityContext.capabilities "add" (list "SETUID" "SETGID") -}}
  {{- end -}}
{{- else if $isRoot -}}
  {{- fail "jvmem.container: user is 0, and the value imageUser is ignore. Let the JVM run as another user: a sidecar without capabilities cannot read root's processes" -}}
{{- else if or (kindIs "invalid" .user) (kindIs "invalid" .group) -}}
  {{- fail "jvmem.container: set user and group to the UID and GID that the JVM runs with: only its own user may inspect a process" -}}
{{- else -}}
  {{- $_ := set $sidecar.securityContext "runAsUser" (int64 .user) -}}
  {{- $_ := set $sidecar.securityContext "runAsGroup" (int64 .group) -}}
{{- end -}}
{{- if .guaranteed -}}
  {{- $resources := include "jvmem.guaranteed" . | fromYaml -}}
  {{- $_ := set $sidecar "resources" (required "jvmem.container: guaranteed is true, but the value guaranteedCPU is empty" $resources) -}}
{{- end -}}
{{- if eq .native false }}{{ $_ := unset $sidecar "restartPolicy" }}{{ end -}}
{{ toYaml $sidecar }}
{{- end -}}

{{- define "jvmem.podSpec" -}}
shareProcessNamespace: true
{{- end -}}

{{/* The kernel shows a Secret's files to root and the pod's fsGroup, which is the application's affair: so to all, but only the sidecar
     mounts it, and no process may read its root (jvmem is not dumpable). 292 is 0444. */}}
{{- define "jvmem.volumes" -}}
{{- with (include "jvmem.scope" . | fromYaml).Values -}}
- name: jvmem-state
  emptyDir:
    sizeLimit: {{ .stateSize }}
{{- with .web.secret }}
- name: jvmem-web
  secret:
    secretName: {{ . }}
    defaultMode: 292
{{- end }}
{{- end -}}
{{- end -}}

{{- define "jvmem.env" -}}
name: JDK_JAVA_OPTIONS
value: {{ cat (.options | default "") (include "jvmem.option" .) | trim | quote }}
{{- end -}}

{{- define "jvmem.option" -}}
{{- $nmt := (include "jvmem.scope" . | fromYaml).Values.nmt -}}
{{- if ne $nmt "off" }}-XX:NativeMemoryTracking={{ $nmt }}{{ end -}}
{{- end -}}

{{/* Resources that keep a pod Guaranteed, or nothing. */}}
{{- define "jvmem.guaranteed" -}}
{{- with (include "jvmem.scope" . | fromYaml).Values -}}
{{- if .guaranteedCPU -}}
{{- $both := merge (dict "cpu" .guaranteedCPU) .resources.limits -}}
requests: {{ toJson $both }}
limits: {{ toJson $both }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Values and version of jvmem, as YAML. A dependency has them in Subcharts. */}}
{{- define "jvmem.scope" -}}
{{- $scope := .root -}}
{{- if ne $scope.Chart.Name "jvmem" }}{{ $scope = get $scope.Subcharts "jvmem" }}{{ end -}}
{{- if not $scope }}{{ fail "jvmem: set root to the root scope ($) of a chart that has jvmem as a dependency" }}{{ end -}}
{{- dict "Values" $scope.Values "AppVersion" $scope.Chart.AppVersion | toYaml -}}
{{- end -}}

{{- define "jvmem.image" -}}
{{- $scope := include "jvmem.scope" . | fromYaml -}}
{{- with $scope.Values.image -}}
{{- $repository := required "image.repository is empty: no image is published yet. Push `make image` to your registry and set it (docs/install.md)" .repository -}}
{{ $repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $scope.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{/* The sidecar without what depends on the JVM's container. */}}
{{- define "jvmem.sidecar" -}}
{{- $scope := include "jvmem.scope" . | fromYaml -}}
{{- with $scope.Values -}}
name: jvmem
image: {{ include "jvmem.image" $ | quote }}
imagePullPolicy: {{ .image.pullPolicy }}
restartPolicy: Always
args:
  - serve
  - --state-dir=/state
  {{- if .web.secret }}
  - --web.config.file=/etc/jvmem/web.yml
  {{- end }}
  {{- range $name, $value := .flags }}
  - --{{ $name }}={{ $value }}
  {{- end }}
env:
  - name: JVMEM_POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  - name: JVMEM_POD_NAMESPACE
    valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
  - name: JVMEM_POD_UID
    valueFrom: {fieldRef: {fieldPath: metadata.uid}}
  - name: JVMEM_NODE_NAME
    valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
ports:
  - name: jvmem
    containerPort: 9753
    protocol: TCP
livenessProbe:
  httpGet: {path: /healthz, port: jvmem{{ if .web.tls }}, scheme: HTTPS{{ end }}}
  periodSeconds: 30
  timeoutSeconds: 5
{{- if .readinessProbe }}
readinessProbe:
  httpGet: {path: /readyz, port: jvmem{{ if .web.tls }}, scheme: HTTPS{{ end }}}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
resources:
  {{- toYaml .resources | nindent 2 }}
securityContext:
  runAsNonRoot: true
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - name: jvmem-state
    mountPath: /state
  {{- if .web.secret }}
  - name: jvmem-web
    mountPath: /etc/jvmem
    readOnly: true
  {{- end }}
{{- end -}}
{{- end -}}
