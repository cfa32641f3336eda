/** Manifests of the Helm chart, checked against the schemas of Kubernetes and of the operators that it uses. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { serverProgram } from '@hyperswap/deploy';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';
import { repository } from './fixtures.js';
import { missingPrograms } from './programs.js';

/** Reason to skip tests that need Helm; undefined when they can run. In CI a missing program is an error. */
export const helmMissing = await missingPrograms('helm');

export const chartDirectory = path.join(repository, 'deploy', 'helm', 'hyperswap');

/** Object as the API server takes it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly [part: string]: unknown;
}

/** Modules of the kinds that the chart has. Gateway API's GRPCRoute has the same fields in v1 as in v1alpha2. */
const modules: Readonly<Record<string, string>> = {
  'v1/ConfigMap': 'kubernetes-models/v1',
  'v1/Pod': 'kubernetes-models/v1',
  'v1/Service': 'kubernetes-models/v1',
  'v1/ServiceAccount': 'kubernetes-models/v1',
  'apps/v1/Deployment': 'kubernetes-models/apps/v1',
  'apps/v1/StatefulSet': 'kubernetes-models/apps/v1',
  'policy/v1/PodDisruptionBudget': 'kubernetes-models/policy/v1',
  'networking.k8s.io/v1/NetworkPolicy': 'kubernetes-models/networking.k8s.io/v1',
  'networking.k8s.io/v1/Ingress': 'kubernetes-models/networking.k8s.io/v1',
  'keda.sh/v1alpha1/ScaledObject': '@kubernetes-models/keda/keda.sh/v1alpha1',
  'keda.sh/v1alpha1/ScaledJob': '@kubernetes-models/keda/keda.sh/v1alpha1',
  'monitoring.coreos.com/v1/ServiceMonitor': '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
  'gateway.networking.k8s.io/v1/HTTPRoute': '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1',
  'gateway.networking.k8s.io/v1/GRPCRoute': '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1alpha2',
};

/** Runs Helm. @throws what Helm says, when it fails */
export async function helm(...args: readonly string[]): Promise<string> {
  const program = await serverProgram('helm');
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 16 * 1024 * 1024, timeout: 60_000 });
  return stdout;
}

/** Renders the chart as release `test` in the namespace `maps`. @param args more of `helm template` */
export async function renderChart(...args: readonly string[]): Promise<Manifest[]> {
  const rendered = await helm('template', 'test', chartDirectory, '-n', 'maps', '--kube-version', '1.31', ...args);
  return parseAllDocuments(rendered).flatMap((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
}

/**
 * Checks manifests against the schemas: values by JSON schema, and names of fields, which those schemas leave open, by
 * the types made of them.
 *
 * @returns a sentence for each problem
 */
export async function problemsOf(manifests: readonly Manifest[]): Promise<string[]> {
  const problems: string[] = [];
  const source: string[] = [];
  for (const [index, manifest] of manifests.entries()) {
    const name = `${manifest.kind} ${manifest.metadata.name}`;
    const from = modules[`${manifest.apiVersion}/${manifest.kind}`];
    if (from === undefined) {
      problems.push(`${name}: no schema of ${manifest.apiVersion}/${manifest.kind} is known`);
      continue;
    }
    const isRoute = manifest.kind === 'GRPCRoute';
    const known = isRoute ? { ...manifest, apiVersion: 'gateway.networking.k8s.io/v1alpha2' } : manifest;
    const models = (await import(from)) as Record<string, new (data: unknown) => { validate: () => void }>;
    try {
      new models[manifest.kind]!(known).validate();
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`);
    }
    const value = JSON.stringify(known, null, 1);
    source.push(`import type { I${manifest.kind} as T${index} } from '${from}';`);
    source.push(`/* ${name} */ export const m${index}: T${index} = ${value};`);
  }
  return [...problems, ...typeErrors(source.join('\n'))];
}

/** Returns the errors of a module that is nowhere on disk, beside the tests. */
function typeErrors(source: string): string[] {
  const file = path.join(repository, 'tests', 'rendered-manifests.ts');
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (name) => name === file || disk.fileExists(name),
    readFile: (name) => (name === file ? source : disk.readFile(name)),
    getSourceFile: (name, ...rest) =>
      name === file ? ts.createSourceFile(name, source, ts.ScriptTarget.ES2022) : disk.getSourceFile(name, ...rest),
  };
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText, start = 0 }) => {
    const before = source.slice(0, start);
    const name = [...before.matchAll(/^\/\* (.+?) \*\//gm)].at(-1)?.[1] ?? 'manifests';
    return `${name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}
