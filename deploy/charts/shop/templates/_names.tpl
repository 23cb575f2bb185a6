{{- define "shop.labels" -}}
app.kubernetes.io/part-of: shop
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "shop.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}

{{/* A variable from a key of a Secret: (list NAME SECRET KEY). */}}
{{- define "shop.secretVariable" -}}
- {name: {{ index . 0 }}, valueFrom: {secretKeyRef: {name: {{ index . 1 }}, key: {{ index . 2 }}}}}
{{- end }}

{{/* A key that is stated, or was made up before, or is made up now: (dict "held" SECRET-DATA "key" KEY "stated" VALUE "made" NEW). */}}
{{- define "shop.kept" -}}
{{- if .stated }}{{ .stated | b64enc }}{{ else }}{{ default (.made | b64enc) (index (default dict .held) .key) }}{{ end }}
{{- end }}

{{/* 32 random bytes in base64url. */}}
{{- define "shop.randomKey" -}}
{{- randBytes 32 | replace "+" "-" | replace "/" "_" | trimSuffix "=" }}
{{- end }}
