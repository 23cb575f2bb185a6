{{- define "shop.podSecurity" -}}
securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
{{- end }}

{{- define "shop.containerSecurity" -}}
securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
{{- end }}

{{/* Variables that every service with a database and a broker has: (dict "service" NAME "root" $). */}}
{{- define "shop.storage" -}}
{{ include "shop.secretVariable" (list "SHOP_DATABASE_URL" "shop-databases" .service) }}
- {name: SHOP_NATS_URL, value: {{ printf "nats://%s:%v" .root.Values.nats.host .root.Values.nats.port | quote }}}
{{- end }}

{{/* One service: (dict "service" NAME "root" $ "env" LINES). */}}
{{- define "shop.service" -}}
{{- $root := .root }}{{ $service := .service }}{{ $is := index $root.Values.services $service }}
apiVersion: presale.dev/v1alpha1
kind: ShopService
metadata:
  name: {{ $service }}
  labels: {{- include "shop.labels" $root | nindent 4 }}
spec:
  image: {{ include "shop.image" $root }}
  port: 8080
  env:
  - {name: SHOP_LOG, value: {{ $root.Values.log | quote }}}
  {{- .env | nindent 2 }}
  resources:
    requests: {cpu: {{ $is.cpu }}, memory: {{ $is.memory }}}
    limits: {memory: {{ $is.memoryLimit }}}
  {{- if ne $service "gateway" }}
  probes: {readiness: /readyz, liveness: /healthz, startup: /readyz}
  {{- with $root.Files.Get (printf "files/expose/%s.yaml" $service) }}
  expose: {{- . | nindent 4 }}
  {{- end }}
  {{- end }}
  podTemplate:
    {{- with $root.Values.podAnnotations }}
    metadata: {annotations: {{ toJson . }}}
    {{- end }}
    spec:
      terminationGracePeriodSeconds: 40
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- include "shop.podSecurity" $root | nindent 6 }}
      {{- if eq $service "gateway" }}
      automountServiceAccountToken: true       # it follows endpoints and what services expose
      {{- end }}
      containers:
      - name: app
        args: [{{ $service }}, serve]
        imagePullPolicy: {{ $root.Values.image.pullPolicy }}
        ports: [{name: metrics, containerPort: 9090}]
        {{- include "shop.containerSecurity" $root | nindent 8 }}
        {{- if eq $service "gateway" }}
        # Its public port answers nothing but the shop's routes.
        startupProbe: {httpGet: {path: /readyz, port: metrics}, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120}
        readinessProbe: {httpGet: {path: /readyz, port: metrics}, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2}
        livenessProbe: {httpGet: {path: /healthz, port: metrics}, periodSeconds: 10, timeoutSeconds: 2, failureThreshold: 3}
        volumeMounts:
        - {name: routes, mountPath: /etc/shop/routes, readOnly: true}
        {{- if $root.Values.gateway.tlsSecret }}
        - {name: tls, mountPath: /etc/shop/tls, readOnly: true}
        {{- end }}
      volumes:
      - {name: routes, configMap: {name: gateway-routes}}
      {{- with $root.Values.gateway.tlsSecret }}
      - {name: tls, secret: {secretName: {{ . }}}}
      {{- end }}
      {{- end }}
  replicas: {min: {{ $is.min }}, max: {{ $is.max }}}
  scaling:
    tier: {{ $is.tier }}
    {{- if eq $service "notifications" }}
    signal:
      type: Backlog
      query: {{ $root.Values.backlog.query | replace "NAMESPACE" $root.Release.Namespace | quote }}
      arrivalsQuery: {{ $root.Values.backlog.arrivalsQuery | replace "NAMESPACE" $root.Release.Namespace | quote }}
      perReplica: {{ $is.requestsPerReplica | quote }}
      clearWithin: {{ $root.Values.backlog.clearWithin }}
    {{- else }}
    signal: {type: RequestRate, source: OpenTelemetry}
    capacity: {requestsPerReplica: {{ $is.requestsPerReplica | quote }}}
    {{- end }}
    {{- with $is.leadTime }}
    leadTime: {{ . }}
    {{- end }}
    calendar: {timeZone: {{ $root.Values.timeZone }}}
{{- end }}
