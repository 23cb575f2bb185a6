{{/* Name of everything that the chart makes. */}}
{{- define "presale.name" -}}
{{- if contains "presale" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-presale" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "presale.selector" -}}
app.kubernetes.io/name: presale
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "presale.labels" -}}
{{ include "presale.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "presale.serviceAccount" -}}
{{- default (include "presale.name" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "presale.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}
