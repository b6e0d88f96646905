{{/* Version of the API that the cluster has MutatingAdmissionPolicies in. */}}
{{- define "jvmem.policyAPI" -}}
{{- $group := "admissionregistration.k8s.io" }}
{{- $version := "" }}
{{- if .Capabilities.APIVersions.Has (printf "%s/v1/MutatingAdmissionPolicy" $group) }}
  {{- $version = "v1" }}
{{- else if .Capabilities.APIVersions.Has (printf "%s/v1beta1/MutatingAdmissionPolicy" $group) }}
  {{- $version = "v1beta1" }}
{{- else if .Capabilities.APIVersions.Has "v1/Pod" }}
  {{- /* A cluster lists its kinds; what renders without one (helm template, helm lint) does not. */}}
  {{- fail "injection.enabled: this cluster has no MutatingAdmissionPolicy. Kubernetes 1.36 and newer have it; in 1.34 and 1.35 the API server needs --feature-gates=MutatingAdmissionPolicy=true and --runtime-config=admissionregistration.k8s.io/v1beta1=true" }}
{{- else if semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version }}
  {{- $version = "v1" }}
{{- else if semverCompare ">=1.34.0-0" .Capabilities.KubeVersion.Version }}
  {{- $version = "v1beta1" }}
{{- else }}
  {{- fail (printf "injection.enabled: Kubernetes %s has no MutatingAdmissionPolicy: 1.34 or newer is needed" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- $group }}/{{ $version }}
{{- end -}}

{{/* Which pods get the sidecar, except for conditions. */}}
{{- define "jvmem.matchConstraints" -}}
matchConstraints:
  {{- include "jvmem.namespaces" . | nindent 2 }}
  {{- if .Values.injection.allPods }}
  objectSelector: {}
  {{- else }}
  objectSelector:
    matchLabels:
      jvmem.io/inject: "true"
  {{- end }}
  resourceRules:
    - apiGroups: [""]
      apiVersions: [v1]
      operations: [CREATE]
      resources: [pods]
      scope: Namespaced
{{- end -}}

{{- define "jvmem.namespaces" -}}
matchPolicy: Equivalent
namespaceSelector:
  {{- with .Values.injection.namespaceSelector }}
  {{- toYaml . | nindent 2 }}
  {{- else }}
  matchExpressions:
    - {key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}
  {{- end }}
{{- end -}}

{{/* Variables of policies that change an injected sidecar: a list that has it unless there is none, and its path. */}}
{{- define "jvmem.injectedVariables" -}}
variables:
  - name: native
    expression: object.spec.?initContainers.orValue([]).map(c, c.name).indexOf('jvmem')
  - name: ordinary
    expression: object.spec.containers.map(c, c.name).indexOf('jvmem')
  - name: sidecar
    expression: >-
      variables.native >= 0 ? [object.spec.initContainers[variables.native]]
      : variables.ordinary >= 0 ? [object.spec.containers[variables.ordinary]] : []
  - name: path
    expression: >-
      variables.native >= 0 ? '/spec/initContainers/' + string(variables.native)
      : '/spec/containers/' + string(variables.ordinary)
{{- end -}}
