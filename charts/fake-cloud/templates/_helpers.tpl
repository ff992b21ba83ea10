{{- define "fakecloud.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of the release where it has the chart's in it, else both. 52 leaves room for suffixes. */}}
{{- define "fakecloud.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "fakecloud.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "fakecloud.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "fakecloud.selectorLabels" -}}
app.kubernetes.io/name: {{ include "fakecloud.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "fakecloud.labels" -}}
{{ include "fakecloud.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: cloudgate
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Metadata of an object: a dict of root, name, component, and at will annotations, labels, cluster (not in a namespace). */}}
{{- define "fakecloud.metadata" -}}
name: {{ .name }}
{{- if not .cluster }}
namespace: {{ .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "fakecloud.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "fakecloud.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* What our pods have in common. */}}
{{- define "fakecloud.podCommon" -}}
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

{{- define "fakecloud.secretName" -}}
{{- default (printf "%s-token" (include "fakecloud.fullname" .)) .Values.token.existingSecret }}
{{- end }}

{{- define "fakecloud.claimName" -}}
{{- default (printf "%s-state" (include "fakecloud.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}

{{- define "fakecloud.ownClaim" -}}
{{- with .Values.persistence }}
{{- if and .enabled (not .hostPath) (not .existingClaim) }}true{{ end }}
{{- end }}
{{- end }}

{{/* Refusals that a schema cannot express. */}}
{{- define "fakecloud.check" -}}
{{- if and .Values.persistence.hostPath .Values.persistence.existingClaim }}
{{- fail "persistence: give hostPath or existingClaim, not both" }}
{{- end }}
{{- if and .Values.token.value .Values.token.existingSecret }}
{{- fail "token: give value or existingSecret, not both" }}
{{- end }}
{{- if and .Values.dns.enabled (eq (int .Values.dns.port) (int .Values.api.port)) }}
{{- fail "dns.port and api.port are the same port of the node" }}
{{- end }}
{{- end }}
