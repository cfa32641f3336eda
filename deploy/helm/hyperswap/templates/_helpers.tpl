{{- define "hyperswap.name" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) }}
{{- $name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Components that are enabled: name, service of --services, values. */}}
{{- define "hyperswap.components" -}}
{{- range $key, $name := dict "preprocessing" "preprocessing" "trainer" "trainer" "tileInference" "tile-inference" "httpGateway" "gateway" }}
{{- if (index $.Values $key).enabled }}
- key: {{ $key }}
  name: {{ $name }}
{{- end }}
{{- end }}
{{- end }}

{{- define "hyperswap.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hyperswap.labels" -}}
{{ include "hyperswap.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "hyperswap.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "hyperswap.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "hyperswap.image" -}}
{{- $tag := default .root.Chart.AppVersion .root.Values.image.tag }}
{{- if gt (int .values.gpu.count) 0 }}{{ $tag = default (printf "%s-cuda" $tag) .root.Values.image.cudaTag }}{{ end -}}
{{ .root.Values.image.repository }}:{{ $tag }}
{{- end }}

{{- define "hyperswap.natsUrl" -}}
{{- if .Values.nats.url }}{{ .Values.nats.url }}
{{- else if .Values.nats.enabled }}nats://{{ include "hyperswap.name" . }}-nats:4222
{{- else }}{{ fail "Set nats.url, nats.secret.name, or nats.enabled: pods share their queues over NATS." }}{{ end }}
{{- end }}

{{- define "hyperswap.storeEndpoint" -}}
{{- if .Values.objectStore.endpoint }}{{ .Values.objectStore.endpoint }}
{{- else if .Values.objectStore.enabled }}http://{{ include "hyperswap.name" . }}-minio:9000
{{- else }}{{ fail "Set objectStore.endpoint or objectStore.enabled: pods share their objects." }}{{ end }}
{{- end }}

{{/* Settings of a process: what the values say, and what follows from the chart. */}}
{{- define "hyperswap.config" -}}
{{- $config := deepCopy .Values.config }}
{{- if and (not .Values.tls.secret) (not $config.insecure) }}
{{- fail "Set tls.secret, or config.insecure: true where the cluster's network is trusted." }}
{{- end }}
{{- $scheme := "" }}
{{- if .Values.tls.secret }}
{{- $scheme = "https://" }}
{{- $_ := set $config "tlsCertificate" "/etc/hyperswap/tls/tls.crt" }}
{{- $_ := set $config "tlsKey" "/etc/hyperswap/tls/tls.key" }}
{{- end }}
{{- if .Values.tls.authoritySecret }}{{ $_ := set $config "tlsAuthority" "/etc/hyperswap/authority/ca.crt" }}{{ end }}
{{- if .Values.tokens.keysSecret }}{{ $_ := set $config "tokenKeys" "/etc/hyperswap/token-keys/keys.json" }}{{ end }}
{{- if .Values.tokens.serviceSecret }}{{ $_ := set $config "tokenFile" "/etc/hyperswap/token/token" }}{{ end }}
{{- if .Values.signing.keySecret }}{{ $_ := set $config "signingKey" "/etc/hyperswap/signing/private.jwk" }}{{ end }}
{{- if .Values.signing.trustedSecret }}{{ $_ := set $config "trustedKeys" "/etc/hyperswap/trusted/keys.json" }}{{ end }}
{{- if not (hasKey $config "gateway") }}{{ $_ := set $config "gateway" false }}{{ end }}
{{- if not (hasKey $config "endpoint") }}
{{- $_ := set $config "endpoint" (printf "%s%s-preprocessing.%s.svc:7420" $scheme (include "hyperswap.name" .) .Release.Namespace) }}
{{- end }}
{{- $_ := set $config "s3Endpoint" (include "hyperswap.storeEndpoint" .) }}
{{- $_ := set $config "s3Bucket" .Values.objectStore.bucket }}
{{- if not .Values.nats.secret.name }}{{ $_ := set $config "natsUrl" (include "hyperswap.natsUrl" .) }}{{ end }}
{{- toPrettyJson $config }}
{{- end }}

{{- define "hyperswap.scheme" -}}
{{ if .Values.tls.secret }}https://{{ end }}
{{- end }}

{{/* Port of the HTTP gateway: 20 above that of gRPC, unless a setting says otherwise. */}}
{{- define "hyperswap.httpPort" -}}
{{ .Values.config.gatewayPort | default 7440 | int }}
{{- end }}

{{/* Services that the HTTP gateway forwards to. */}}
{{- define "hyperswap.gatewayEndpoint" -}}
{{- $endpoints := list }}
{{- range include "hyperswap.components" . | fromYamlArray }}
{{- if ne .name "gateway" }}
{{- $endpoints = append $endpoints (printf "%s=%s%s-%s.%s.svc:7420" .name (include "hyperswap.scheme" $) (include "hyperswap.name" $) .name $.Release.Namespace) }}
{{- end }}
{{- end }}
{{- default (join "," $endpoints) .Values.config.endpoint }}
{{- end }}

{{/* Names by which the HTTP gateway answers without a token: those of its users, and its own in the cluster. */}}
{{- define "hyperswap.gatewayHosts" -}}
{{- $service := printf "%s-gateway" (include "hyperswap.name" .) }}
{{- $own := list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) (printf "%s.%s.svc.cluster.local" $service .Release.Namespace) }}
{{- join "," (concat .Values.httpGateway.hostnames $own (.Values.config.gatewayHosts | default "" | splitList "," | compact)) }}
{{- end }}

{{/* What all pods of hyperswap have. */}}
{{- define "hyperswap.podSecurity" -}}
serviceAccountName: {{ include "hyperswap.serviceAccount" . }}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 7420
  runAsGroup: 7420
  fsGroup: 7420
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "hyperswap.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Secrets as files of a container. Argument: mounts, secrets by the name of their folder. */}}
{{- define "hyperswap.secretMounts" -}}
{{- range $name, $secret := .mounts }}
{{- if $secret }}
- { name: {{ $name }}, mountPath: /etc/hyperswap/{{ $name }}, readOnly: true }
{{- end }}
{{- end }}
{{- end }}

{{- define "hyperswap.secretVolumes" -}}
{{- range $name, $secret := .mounts }}
{{- if $secret }}
- name: {{ $name }}
  # 0440: the pod's group may read.
  secret: { secretName: {{ $secret }}, defaultMode: 288 }
{{- end }}
{{- end }}
{{- end }}

{{/* Settings of the HTTP gateway and of `helm test`: they open neither NATS nor the object store, and have no secrets. */}}
{{- define "hyperswap.gatewayConfig" -}}
{{- $config := omit (include "hyperswap.config" . | fromJson) "natsUrl" "s3Endpoint" "s3Bucket" "tokenFile" "signingKey" "trustedKeys" }}
{{- $_ := set $config "gateway" true }}
{{- $_ := set $config "gatewayHosts" (include "hyperswap.gatewayHosts" .) }}
{{- $_ := set $config "endpoint" (include "hyperswap.gatewayEndpoint" .) }}
{{- toPrettyJson $config }}
{{- end }}

{{/* Pod of a component. Arguments: root, key, name, more arguments of the command. */}}
{{- define "hyperswap.podSpec" -}}
{{- $root := .root }}
{{- $values := index $root.Values .key }}
{{- $isGateway := eq .key "httpGateway" }}
{{- $mounts := dict "tls" $root.Values.tls.secret "authority" $root.Values.tls.authoritySecret "token-keys" $root.Values.tokens.keysSecret }}
{{- if not $isGateway }}
{{- $mounts = merge $mounts (dict "token" $root.Values.tokens.serviceSecret "signing" $root.Values.signing.keySecret "trusted" $root.Values.signing.trustedSecret) }}
{{- end -}}
{{ include "hyperswap.podSecurity" $root }}
# The time that open calls get, and ten seconds to close.
terminationGracePeriodSeconds: {{ add (divf (float64 (default 30000 $root.Values.config.drainMilliseconds)) 1000 | ceil | int) 15 }}
{{- with $values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- $tolerations := $values.tolerations }}
{{- if gt (int $values.gpu.count) 0 }}
{{- $tolerations = prepend $tolerations (dict "key" $values.gpu.resource "operator" "Exists" "effect" "NoSchedule") }}
{{- end }}
{{- with $tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints: {{ toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ .name }}
    image: {{ include "hyperswap.image" (dict "root" $root "values" $values) }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    args: ['--config', '/etc/hyperswap/config/{{ ternary "gateway" "config" $isGateway }}.json', 'up', '--services', '{{ .name }}']
    securityContext: {{ include "hyperswap.containerSecurity" . | nindent 6 }}
    env:
      - name: HYPERSWAP_METRICS_PORT
        value: {{ $root.Values.metrics.port | quote }}
      - name: HYPERSWAP_METRICS_HOST
        value: 0.0.0.0
      {{- if not $isGateway }}
      {{- if $root.Values.nats.secret.name }}
      - name: NATS_URL
        valueFrom:
          secretKeyRef: { name: {{ $root.Values.nats.secret.name }}, key: {{ $root.Values.nats.secret.key }} }
      {{- end }}
      - name: S3_ACCESS_KEY
        valueFrom:
          secretKeyRef: { name: {{ required "Set objectStore.secret.name." $root.Values.objectStore.secret.name }}, key: {{ $root.Values.objectStore.secret.accessKey }} }
      - name: S3_SECRET_KEY
        valueFrom:
          secretKeyRef: { name: {{ $root.Values.objectStore.secret.name }}, key: {{ $root.Values.objectStore.secret.secretKey }} }
      {{- end }}
      {{- if .idleSeconds }}
      - name: HYPERSWAP_IDLE_EXIT_SECONDS
        value: {{ .idleSeconds | quote }}
      {{- end }}
      {{- with $root.Values.extraEnvironment }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    ports:
      - { name: grpc, containerPort: 7420, protocol: TCP }
      {{- if $isGateway }}
      - { name: http, containerPort: {{ include "hyperswap.httpPort" $root }}, protocol: TCP }
      {{- end }}
      - { name: metrics, containerPort: {{ $root.Values.metrics.port }}, protocol: TCP }
    # The port opens when the backbone is resident: a large one takes minutes to fetch and load.
    startupProbe: {{ include "hyperswap.probe" (dict "root" $root "service" "liveness") | nindent 6 }}
      periodSeconds: 5
      failureThreshold: 120
      timeoutSeconds: 10
    {{- if and $isGateway (ne ($root.Values.config.tlsClients | default "any") "verified") }}
    readinessProbe:
      # Without tokens, the gateway answers under its names alone.
      httpGet: { path: /, port: http, scheme: {{ ternary "HTTPS" "HTTP" (ne $root.Values.tls.secret "") }}, httpHeaders: [{ name: Host, value: localhost }] }
    {{- else }}
    readinessProbe: {{ include "hyperswap.probe" (dict "root" $root "service" .probe) | nindent 6 }}
    {{- end }}
      periodSeconds: 5
      failureThreshold: 2
      timeoutSeconds: 10
    livenessProbe: {{ include "hyperswap.probe" (dict "root" $root "service" "liveness") | nindent 6 }}
      periodSeconds: 15
      failureThreshold: 4
      timeoutSeconds: 10
    resources:
      {{- $resources := deepCopy $values.resources }}
      {{- if gt (int $values.gpu.count) 0 }}
      {{- $gpus := dict $values.gpu.resource ($values.gpu.count | toString) }}
      {{- $resources = merge (dict "limits" (merge $gpus (default dict $resources.limits))) $resources }}
      {{- end }}
      {{- toYaml $resources | nindent 6 }}
    volumeMounts:
      - { name: config, mountPath: /etc/hyperswap/config, readOnly: true }
      - { name: home, mountPath: /var/lib/hyperswap }
      - { name: temporary, mountPath: /tmp }
      {{- include "hyperswap.secretMounts" (dict "mounts" $mounts) | trim | nindent 6 }}
volumes:
  - name: config
    configMap: { name: {{ include "hyperswap.name" $root }} }
  - name: home
    emptyDir: { sizeLimit: {{ $values.home }} }
  - name: temporary
    emptyDir: { sizeLimit: {{ $values.temporary }} }
  {{- include "hyperswap.secretVolumes" (dict "mounts" $mounts) | trim | nindent 2 }}
{{- end }}

{{/* Kubernetes' own gRPC probe speaks no TLS; with TLS the command line probes. */}}
{{- define "hyperswap.probe" -}}
{{- if .root.Values.tls.secret -}}
exec:
  command: ['hyperswap', '--config', '/etc/hyperswap/config/config.json', 'health', '{{ .service }}']
{{- else -}}
grpc: { port: 7420, service: '{{ .service }}' }
{{- end }}
{{- end }}

{{/* Service that answers for a component's readiness. */}}
{{- define "hyperswap.probedService" -}}
{{- get (dict "preprocessing" "hyperswap.v1.SceneService" "trainer" "hyperswap.v1.TrainingService" "tileInference" "hyperswap.v1.TileService" "httpGateway" "liveness") . }}
{{- end }}

{{- define "hyperswap.podMetadata" -}}
labels:
  {{- include "hyperswap.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  {{- with (index .root.Values .key).podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/config: {{ include (ternary "hyperswap.gatewayConfig" "hyperswap.config" (eq .key "httpGateway")) .root | sha256sum }}
  {{- with (index .root.Values .key).podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
