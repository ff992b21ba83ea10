{{/*
The permissions are those of the markers in the code, in files/rbac. Here they are only divided: a dict of root and part, which is

  cluster  what concerns objects of all namespaces; pods only while the controller sets their readiness, and writing Services and
           EndpointSlices only while it makes those of Gateways
  leases   the lease of leader election, in the namespace of the release and under its name, and its events there, which are of the core group
  withdraw what only the hook that withdraws does: to scale the Deployment away
*/}}
{{- define "cloudgate.rules" -}}
{{- $role := .root.Files.Get "files/rbac/role.yaml" | fromYaml }}
{{- $out := list }}
{{- range $rule := $role.rules }}
{{- $groups := without $rule.apiGroups "coordination.k8s.io" "apps" }}
{{- if and (eq $.part "cluster") $groups }}
{{- $resources := $rule.resources }}
{{- if and (has "" $groups) (not $.root.Values.podReadinessGates.enabled) }}
{{- $resources = without $resources "pods" "pods/status" }}
{{- end }}
{{- if has "" $groups }}
{{- $resources = without $resources "events" }}
{{- end }}
{{- $read := list }}
{{- if not $.root.Values.gatewayServices.enabled }}
{{- range $resource := $resources }}
{{- if has $resource (list "services" "endpointslices") }}
{{- $read = append $read $resource }}
{{- $resources = without $resources $resource }}
{{- end }}
{{- end }}
{{- end }}
{{- if $read }}
{{- $out = append $out (dict "apiGroups" $groups "resources" $read "verbs" (without $rule.verbs "create" "patch" "delete")) }}
{{- end }}
{{- if $resources }}
{{- $out = append $out (dict "apiGroups" $groups "resources" $resources "verbs" $rule.verbs) }}
{{- end }}
{{- end }}
{{- if and (eq $.part "leases") (has "" $rule.apiGroups) (has "events" $rule.resources) }}
{{- $out = append $out (dict "apiGroups" (list "") "resources" (list "events") "verbs" $rule.verbs) }}
{{- end }}
{{- if and (eq $.part "leases") (has "coordination.k8s.io" $rule.apiGroups) }}
{{- if has "create" $rule.verbs }}
{{- /* What is not there yet has no name that a rule could hold it to. */}}
{{- $out = append $out (dict "apiGroups" (list "coordination.k8s.io") "resources" $rule.resources "verbs" (list "create")) }}
{{- end }}
{{- with without $rule.verbs "create" }}
{{- $out = append $out (dict "apiGroups" (list "coordination.k8s.io") "resources" $rule.resources "resourceNames" (list (include "cloudgate.lease" $.root)) "verbs" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq .part "withdraw" }}
{{- $out = append $out (dict "apiGroups" (list "apps") "resources" (list "deployments/scale") "resourceNames" (list (include "cloudgate.fullname" .root)) "verbs" (list "patch")) }}
{{- end }}
{{- toYaml $out }}
{{- end }}
