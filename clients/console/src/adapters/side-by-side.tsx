import type { JSX } from 'preact';
import type { AdapterVersion } from '../../generated/hyperswap/v1/adapter_pb.js';
import { Table } from '../parts/table.js';
import { percent } from '../parts/words.js';

/** Metrics of versions, one column a version. */
export function SideBySide({ versions }: { readonly versions: readonly AdapterVersion[] }): JSX.Element {
  const row = (
    name: string,
    cell: (version: AdapterVersion) => string | number,
  ): { key: string; cells: (string | number)[] } => ({
    key: name,
    cells: [name, ...versions.map(cell)],
  });
  const names = [...new Set(versions.flatMap(({ metrics }) => (metrics?.perClass ?? []).map(({ name }) => name)))];
  const recall = ({ metrics }: AdapterVersion, name: string): string =>
    percent(metrics?.perClass.find((one) => one.name === name)?.recall);
  return (
    <section id="side-by-side">
      <Table
        caption="Metrics side by side, each on the test pixels of its own split"
        columns={['', ...versions.map(({ name, version }) => `${name}@${version}`)]}
        rows={[
          row('method', ({ method }) => method),
          row('scene', ({ scene }) => scene),
          row('split', ({ split }) => split),
          row('learned values', ({ parameters }) => Number(parameters)),
          row('overall accuracy', ({ metrics }) => percent(metrics?.overallAccuracy)),
          row('average accuracy', ({ metrics }) => percent(metrics?.averageAccuracy)),
          row('kappa', ({ metrics }) => metrics?.kappa.toFixed(3) ?? '–'),
          ...names.map((name) => row(`found: ${name}`, (version) => recall(version, name))),
        ]}
      />
      <p>
        For McNemar’s test, classify the same scene with both, open one map under <a href="#/maps">Maps</a>, and choose
        the other one in “Compare with”.
      </p>
    </section>
  );
}
