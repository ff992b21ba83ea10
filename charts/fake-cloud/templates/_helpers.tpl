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
app.kubernetes.io/name: {{ include "fakecloud.name" . | toYaml }}
app.kubernetes.io/instance: {{ toYaml .Release.Name }}
{{- end }}

{{- define "fakecloud.labels" -}}
{{ include "fakecloud.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: cloudgate
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels of pods: a dict of root and component. */}}
{{- define "fakecloud.podLabels" -}}
{{ include "fakecloud.labels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- with merge (dict) (default (dict) .root.Values.podLabels) (default (dict) .root.Values.commonLabels) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
Metadata of an object: a dict of root, name, component, and at will annotations, labels, cluster (not in a namespace). What a user says goes
through toYaml, for a name may look like a number.
*/}}
{{- define "fakecloud.metadata" -}}
name: {{ toYaml .name }}
{{- if not .cluster }}
namespace: {{ toYaml .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "fakecloud.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  {{- with merge (dict) (default (dict) .labels) (default (dict) .root.Values.commonLabels) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) (default (dict) .root.Values.commonAnnotations) }}
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
priorityClassName: {{ toYaml . }}
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

{{- define "fakecloud.awsSecretName" -}}
{{- default (printf "%s-aws" (include "fakecloud.fullname" .)) .Values.aws.existingSecret }}
{{- end }}

{{/* The issuers whose tokens are taken, as fakecloud reads them; empty where there are none. */}}
{{- define "fakecloud.awsIdentities" -}}
{{- if and .Values.aws.enabled .Values.aws.identityProviders }}{{ toPrettyJson .Values.aws.identityProviders }}{{ end }}
{{- end }}

{{- define "fakecloud.awsIdentitiesName" -}}
{{ include "fakecloud.fullname" . }}-aws-identities
{{- end }}

{{- define "fakecloud.claimName" -}}
{{- default (printf "%s-state" (include "fakecloud.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}

{{- define "fakecloud.ownClaim" -}}
{{- with .Values.persistence }}
{{- if and .enabled (not .hostPath) (not .existingClaim) }}true{{ end }}
{{- end }}
{{- end }}

{{/* Refuses labels that are the chart's own: a dict of path and labels. Selectors would miss their pods. */}}
{{- define "fakecloud.checkLabels" -}}
{{- range list "name" "instance" "component" "version" "managed-by" "part-of" }}
{{- $key := printf "app.kubernetes.io/%s" . }}
{{- if hasKey (default (dict) $.labels) $key }}
{{- fail (printf "%s: %s is a label that the chart sets itself: use another" $.path $key) }}
{{- end }}
{{- end }}
{{- if hasKey (default (dict) $.labels) "helm.sh/chart" }}
{{- fail (printf "%s: helm.sh/chart is a label that the chart sets itself: use another" .path) }}
{{- end }}
{{- end }}

{{/* Refusals that a schema cannot express. */}}
{{- define "fakecloud.check" -}}
{{- include "fakecloud.checkLabels" (dict "path" "commonLabels" "labels" .Values.commonLabels) }}
{{- include "fakecloud.checkLabels" (dict "path" "podLabels" "labels" .Values.podLabels) }}
{{- include "fakecloud.checkLabels" (dict "path" "metrics.serviceMonitor.labels" "labels" .Values.metrics.serviceMonitor.labels) }}
{{- include "fakecloud.checkLabels" (dict "path" "metrics.dashboard.labels" "labels" .Values.metrics.dashboard.labels) }}
{{- if not (regexMatch "^[a-z]" (include "fakecloud.fullname" .)) }}
{{- fail (printf "the names of Services begin with a letter, and %s does not: set fullnameOverride" (include "fakecloud.fullname" .)) }}
{{- end }}
{{- if and .Values.persistence.hostPath .Values.persistence.existingClaim }}
{{- fail "persistence: give hostPath or existingClaim, not both" }}
{{- end }}
{{- if not (regexMatch "^([!-~]{16,})?$" (default "" .Values.token.value)) }}
{{- fail "token.value: give at least 16 characters, without spaces and others that cannot be seen, or nothing" }}
{{- end }}
{{- if and .Values.token.value .Values.token.existingSecret }}
{{- fail "token: give value or existingSecret, not both" }}
{{- end }}
{{- if and .Values.dns.enabled (eq (int .Values.dns.port) (int .Values.api.port)) }}
{{- fail "dns.port and api.port are the same port of the node" }}
{{- end }}
{{- if and .Values.aws.enabled (or (eq (int .Values.aws.port) (int .Values.api.port)) (and .Values.dns.enabled (eq (int .Values.aws.port) (int .Values.dns.port)))) }}
{{- fail "aws.port is a port of the node that api.port or dns.port has" }}
{{- end }}
{{- end }}
