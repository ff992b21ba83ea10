{{- define "cloudgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of the release where it has the chart's in it, else both. 52 leaves room for suffixes. */}}
{{- define "cloudgate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "cloudgate.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "cloudgate.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "cloudgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cloudgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cloudgate.labels" -}}
{{ include "cloudgate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: cloudgate
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Metadata of an object: a dict of root, name, component, and at will annotations, labels, cluster (not in a namespace). */}}
{{- define "cloudgate.metadata" -}}
name: {{ .name }}
{{- if not .cluster }}
namespace: {{ .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "cloudgate.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "cloudgate.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "cloudgate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "cloudgate.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: name a ServiceAccount, or let the chart make one with serviceAccount.create=true" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Name of the lease. The hook that withdraws takes the same one. */}}
{{- define "cloudgate.lease" -}}
{{ include "cloudgate.fullname" . }}-controller
{{- end }}

{{- define "cloudgate.fakeEndpoint" -}}
{{- default (printf "http://fake-cloud.%s:7070" .Release.Namespace) .Values.providers.fake.endpoint }}
{{- end }}

{{/* Flags that the controller and withdraw share: who we are, and how to reach the clouds. */}}
{{- define "cloudgate.sharedArgs" -}}
- --leader-election-namespace={{ .Release.Namespace }}
- --leader-election-name={{ include "cloudgate.lease" . }}
{{- with .Values.controller.clusterID }}
- --cluster-id={{ . }}
{{- end }}
{{- if .Values.providers.fake.enabled }}
- --fake-endpoint={{ include "cloudgate.fakeEndpoint" . }}
{{- if .Values.providers.fake.tokenSecret.name }}
- --fake-token-file=/var/run/secrets/cloudgate.dev/fake/{{ .Values.providers.fake.tokenSecret.key }}
{{- end }}
{{- end }}
{{- end }}

{{- define "cloudgate.tokenMounts" -}}
{{- if and .Values.providers.fake.enabled .Values.providers.fake.tokenSecret.name }}
- name: fake-token
  mountPath: /var/run/secrets/cloudgate.dev/fake
  readOnly: true
{{- end }}
{{- end }}

{{- define "cloudgate.tokenVolumes" -}}
{{- if and .Values.providers.fake.enabled .Values.providers.fake.tokenSecret.name }}
- name: fake-token
  secret:
    secretName: {{ .Values.providers.fake.tokenSecret.name }}
    defaultMode: 0440
    items:
      - key: {{ .Values.providers.fake.tokenSecret.key }}
        path: {{ .Values.providers.fake.tokenSecret.key }}
{{- end }}
{{- end }}

{{/* Refusals that a schema cannot express. */}}
{{- define "cloudgate.check" -}}
{{- if not .Values.providers.fake.enabled }}
{{- fail "no provider is enabled: the controller would have no cloud to work for. Set providers.fake.enabled=true" }}
{{- end }}
{{- $names := dict }}
{{- range .Values.gatewayClasses }}
{{- if hasKey $names .name }}
{{- fail (printf "gatewayClasses: %s is there twice" .name) }}
{{- end }}
{{- $_ := set $names .name true }}
{{- $provider := index $.Values.providers .provider }}
{{- if not (and $provider $provider.enabled) }}
{{- fail (printf "gatewayClasses: %s names the provider %s, which is not enabled. Set providers.%s.enabled=true" .name .provider .provider) }}
{{- end }}
{{- end }}
{{- $pdb := .Values.podDisruptionBudget }}
{{- if and $pdb.enabled (eq (kindIs "invalid" $pdb.minAvailable) (kindIs "invalid" $pdb.maxUnavailable)) }}
{{- fail "podDisruptionBudget: give one of minAvailable and maxUnavailable, and set the other to null" }}
{{- end }}
{{- end }}

{{/* What all our pods have in common. */}}
{{- define "cloudgate.podCommon" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
