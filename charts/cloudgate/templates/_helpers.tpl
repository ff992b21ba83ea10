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
app.kubernetes.io/name: {{ include "cloudgate.name" . | toYaml }}
app.kubernetes.io/instance: {{ toYaml .Release.Name }}
{{- end }}

{{- define "cloudgate.labels" -}}
{{ include "cloudgate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: cloudgate
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels of pods: a dict of root and component. */}}
{{- define "cloudgate.podLabels" -}}
{{ include "cloudgate.labels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- with merge (dict) (default (dict) .root.Values.podLabels) (default (dict) .root.Values.commonLabels) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
Metadata of an object: a dict of root, name, component, and at will annotations, labels, cluster (not in a namespace). What a user says goes
through toYaml, for a name may look like a number.
*/}}
{{- define "cloudgate.metadata" -}}
name: {{ toYaml .name }}
{{- if not .cluster }}
namespace: {{ toYaml .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "cloudgate.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  {{- with merge (dict) (default (dict) .labels) (default (dict) .root.Values.commonLabels) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) (default (dict) .root.Values.commonAnnotations) }}
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
{{ include "cloudgate.cloudArgs" . | trim }}
{{- end }}

{{/* Flags of every command that asks clouds. */}}
{{- define "cloudgate.cloudArgs" -}}
{{- with .Values.controller.clusterID }}
- --cluster-id={{ . }}
{{- end }}
{{- if .Values.providers.fake.enabled }}
- --fake-endpoint={{ include "cloudgate.fakeEndpoint" . }}
{{- if .Values.providers.fake.tokenSecret.name }}
- --fake-token-file=/var/run/secrets/cloudgate.dev/fake/{{ .Values.providers.fake.tokenSecret.key }}
{{- end }}
{{- end }}
{{- with .Values.providers.aws }}
{{- if .enabled }}
- --aws
{{- with .region }}
- --aws-region={{ . }}
{{- end }}
{{- with .vpcID }}
- --aws-vpc-id={{ . }}
{{- end }}
{{- with .endpoint }}
- --aws-endpoint={{ . }}
{{- end }}
{{- with .callRate }}
- --aws-call-rate={{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What tells the SDKs of clouds who we are. A dict of root, and at will optional: the pod starts without the Secret too. */}}
{{- define "cloudgate.cloudEnv" -}}
{{- $aws := .root.Values.providers.aws }}
{{- if and $aws.enabled $aws.credentialsSecret }}
{{- $optional := .optional }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ toYaml $aws.credentialsSecret }}
      key: {{ . }}
      {{- if $optional }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}
{{- if and $aws.enabled $aws.roleARN }}
- name: AWS_ROLE_ARN
  value: {{ toYaml $aws.roleARN }}
- name: AWS_WEB_IDENTITY_TOKEN_FILE
  value: /var/run/secrets/cloudgate.dev/aws/token
{{- end }}
{{- end }}

{{- define "cloudgate.tokenMounts" -}}
{{- if and .Values.providers.aws.enabled .Values.providers.aws.roleARN }}
- name: aws-token
  mountPath: /var/run/secrets/cloudgate.dev/aws
  readOnly: true
{{- end }}
{{- if and .Values.providers.fake.enabled .Values.providers.fake.tokenSecret.name }}
- name: fake-token
  mountPath: /var/run/secrets/cloudgate.dev/fake
  readOnly: true
{{- end }}
{{- end }}

{{/* How long the hook that withdraws may be there: what it is given to withdraw, and half a minute to start and to end. */}}
{{- define "cloudgate.withdrawSeconds" -}}
{{- $zero := toDate "2006-01-02" "2000-01-01" }}
{{- sub (dateModify .Values.withdraw.timeout $zero | unixEpoch) (unixEpoch $zero) | add 30 }}
{{- end }}

{{/* A dict of root, and at will optional: the pod starts without the Secret too, and says itself what it lacks. */}}
{{- define "cloudgate.tokenVolumes" -}}
{{- $optional := .optional }}
{{- with .root }}
{{- if and .Values.providers.aws.enabled .Values.providers.aws.roleARN }}
- name: aws-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          audience: {{ toYaml .Values.providers.aws.tokenAudience }}
          expirationSeconds: 3600
          path: token
{{- end }}
{{- if and .Values.providers.fake.enabled .Values.providers.fake.tokenSecret.name }}
- name: fake-token
  secret:
    secretName: {{ toYaml .Values.providers.fake.tokenSecret.name }}
    defaultMode: 0440
    {{- if $optional }}
    optional: true
    {{- end }}
    items:
      - key: {{ toYaml .Values.providers.fake.tokenSecret.key }}
        path: {{ toYaml .Values.providers.fake.tokenSecret.key }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses labels that are the chart's own: a dict of path and labels. Selectors would miss their pods. */}}
{{- define "cloudgate.checkLabels" -}}
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

{{/*
What a release has no more, Helm deletes; with definitions go all their objects, which are users'. Whoever wants to have them installed by
other means has them kept first. Rendered without a cluster, there is nothing to look at.
*/}}
{{- define "cloudgate.checkDefinitions" -}}
{{- if not .Values.crds.install }}
{{- range $path, $_ := .Files.Glob "files/crds/*.yaml" }}
{{- $name := ($.Files.Get $path | fromYaml).metadata.name }}
{{- $there := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" $name }}
{{- $annotations := default (dict) (dig "metadata" "annotations" (dict) (default (dict) $there)) }}
{{- if and (eq (get $annotations "meta.helm.sh/release-name") $.Release.Name) (eq (get $annotations "meta.helm.sh/release-namespace") $.Release.Namespace) (ne (get $annotations "helm.sh/resource-policy") "keep") }}
{{- fail (printf "crds.install=false would delete the definition %s, which this release has installed, and with it all its objects. To leave it, upgrade with crds.keep=true first" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refusals that a schema cannot express. */}}
{{- define "cloudgate.check" -}}
{{- include "cloudgate.checkLabels" (dict "path" "commonLabels" "labels" .Values.commonLabels) }}
{{- include "cloudgate.checkLabels" (dict "path" "podLabels" "labels" .Values.podLabels) }}
{{- include "cloudgate.checkLabels" (dict "path" "metrics.serviceMonitor.labels" "labels" .Values.metrics.serviceMonitor.labels) }}
{{- include "cloudgate.checkLabels" (dict "path" "metrics.dashboard.labels" "labels" .Values.metrics.dashboard.labels) }}
{{- if not (regexMatch "^[a-z]" (include "cloudgate.fullname" .)) }}
{{- fail (printf "the names of Services begin with a letter, and %s does not: set fullnameOverride" (include "cloudgate.fullname" .)) }}
{{- end }}
{{- if not (or .Values.providers.fake.enabled .Values.providers.aws.enabled) }}
{{- fail "no provider is enabled: the controller would have no cloud to work for. Set providers.aws.enabled=true or providers.fake.enabled=true" }}
{{- end }}
{{- with .Values.providers.aws }}
{{- if and .credentialsSecret .roleARN }}
{{- fail "providers.aws: give credentialsSecret or roleARN, not both" }}
{{- end }}
{{- end }}
{{- $names := dict }}
{{- range .Values.gatewayClasses }}
{{- include "cloudgate.checkLabels" (dict "path" (printf "gatewayClasses: %s: labels" .name) "labels" .labels) }}
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
{{- if and $pdb.enabled (not (kindIs "invalid" $pdb.minAvailable)) (not (kindIs "string" $pdb.minAvailable)) (ge (int $pdb.minAvailable) (int .Values.replicas)) }}
{{- fail (printf "podDisruptionBudget.minAvailable: with %d of %d replicas always there, no node could be emptied: give less, or podDisruptionBudget.enabled=false" (int $pdb.minAvailable) (int .Values.replicas)) }}
{{- end }}
{{- include "cloudgate.checkDefinitions" . }}
{{- end }}

{{/* What all our pods have in common. */}}
{{- define "cloudgate.podCommon" -}}
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
