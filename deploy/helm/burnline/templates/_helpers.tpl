{{- define "burnline.labels" -}}
app.kubernetes.io/name: burnline
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "burnline.meta" -}}
name: {{ .root.Release.Name }}-{{ .component }}
labels:
  {{- include "burnline.labels" . | nindent 2 }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* The ports of /metrics and probes, as the image's commands have them by default. */}}
{{- define "burnline.port" -}}
{{- get (dict "worker" "9464" "projector" "9465" "notify" "9466" "otel" "9467" "detect" "9468" "budgets" "9469" "api" "8080") .component -}}
{{- end }}

{{/* A pod of one component: root, component, arguments, resources; port unless it ends by itself. */}}
{{- define "burnline.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 30
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
containers:
  - name: {{ .component }}
    image: {{ .root.Values.image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: {{ toJson .arguments }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    env:
      {{- range $name, $value := .root.Values.settings }}
      - name: {{ $name }}
        value: {{ $value | quote }}
      {{- end }}
      {{- range $name, $from := .root.Values.secretSettings }}
      - name: {{ $name }}
        valueFrom:
          secretKeyRef: {name: {{ $from.name }}, key: {{ $from.key }}}
      {{- end }}
      {{- if eq .component "api" }}
      - name: BURNLINE_API_HOST
        value: 0.0.0.0
      {{- else }}
      - name: BURNLINE_METRICS_HOST
        value: 0.0.0.0
      {{- end }}
      {{- if eq .component "worker" }}
      - name: BURNLINE_GROUP_INSTANCE_ID # static membership: a quick restart gets its partitions back at once
        valueFrom:
          fieldRef: {fieldPath: metadata.name}
      {{- end }}
    {{- if ne .component "topics" }}
    ports:
      - name: http
        containerPort: {{ include "burnline.port" . }}
    startupProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 2
      failureThreshold: 60
    livenessProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      httpGet: {path: /readyz, port: http}
      periodSeconds: 5
      timeoutSeconds: 5
    {{- end }}
    {{- with .resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      {{- range $name, $secret := .root.Values.secretFiles }}
      - {name: {{ $name }}, mountPath: /etc/burnline/{{ $name }}, readOnly: true}
      {{- end }}
      {{- if eq .component "notify" }}
      - {name: sinks, mountPath: /etc/burnline/sinks, readOnly: true}
      {{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  {{- range $name, $secret := .root.Values.secretFiles }}
  - name: {{ $name }}
    secret: {secretName: {{ $secret }}, defaultMode: 0440}
  {{- end }}
  {{- if eq .component "notify" }}
  - name: sinks
    secret: {secretName: {{ required "notify.sinksSecret names the Secret with sinks.toml" .root.Values.notify.sinksSecret }}, defaultMode: 0440}
  {{- end }}
{{- end }}
