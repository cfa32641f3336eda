/** One version: its origin, its aliases, and the move of an alias. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { AdapterOrigin, type AdapterVersion } from '../../generated/hyperswap/v1/adapter_pb.js';
import { adapters } from '../api/clients.js';
import { Input } from '../parts/field.js';
import { ErrorNotice } from '../parts/notices.js';
import { useAction } from '../parts/use-loaded.js';
import { bytesText, percent, timeText } from '../parts/words.js';

const origins: Readonly<Record<AdapterOrigin, string>> = {
  [AdapterOrigin.UNSPECIFIED]: 'not known',
  [AdapterOrigin.TRAINING]: 'a training',
  [AdapterOrigin.UPLOAD]: 'an upload',
};

export function AdapterPage({
  adapter,
  versions,
  reload,
}: {
  readonly adapter: AdapterVersion;
  /** Versions of the same name. */
  readonly versions: readonly AdapterVersion[];
  readonly reload: () => void;
}): JSX.Element {
  const reference = `${adapter.name}@${adapter.version}`;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Method', `${adapter.method}, ${Number(adapter.parameters)} learned values, ${bytesText(adapter.bytes)}`],
    ['Comes from', `${origins[adapter.origin]}, ${timeText(adapter.publishedAt)}`],
    ['Trained on', `${adapter.scene} (${adapter.split})`],
    ['Backbone', adapter.backbone],
    ['Replaces', adapter.supersedes || 'nothing'],
    [
      'Accuracy',
      `overall ${percent(adapter.metrics?.overallAccuracy)}, average ${percent(adapter.metrics?.averageAccuracy)}, kappa ${adapter.metrics?.kappa.toFixed(3) ?? '–'}`,
    ],
    ['Classes', adapter.classes.map(({ name }) => name).join(', ')],
    ['sha-256', adapter.digest],
    ['Signed by', adapter.signedBy || 'nobody'],
    ['Aliases', adapter.aliases.join(', ') || 'none'],
    ['Pins', adapter.pins.join(', ') || 'none'],
  ];
  return (
    <article>
      <h1>{reference}</h1>
      {adapter.retired && <p>It is retired, and takes no new work.</p>}
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <MoveAlias {...{ adapter, versions, reload, reference }} />
      <section class="card">
        <h2>Versions of {adapter.name}</h2>
        <ul>
          {versions.map(({ version, method, metrics, aliases }) => (
            <li key={version}>
              <a href={`#/adapters/${encodeURIComponent(`${adapter.name}@${version}`)}`}>
                {adapter.name}@{version}
              </a>{' '}
              {method}, {percent(metrics?.overallAccuracy)} {aliases.length > 0 && `(${aliases.join(', ')})`}
            </li>
          ))}
        </ul>
      </section>
    </article>
  );
}

/** Moves an alias to a version, after the user has seen what moves. */
function MoveAlias({
  adapter,
  versions,
  reference,
  reload,
}: {
  readonly adapter: AdapterVersion;
  readonly versions: readonly AdapterVersion[];
  readonly reference: string;
  readonly reload: () => void;
}): JSX.Element {
  const [alias, setAlias] = useState('stable');
  const [isAsking, setAsking] = useState(false);
  const action = useAction();
  const now = versions.find(({ aliases }) => aliases.includes(alias));
  const move = async (): Promise<void> => {
    await adapters.setAlias({ adapter: reference, alias });
    setAsking(false);
    reload();
  };
  return (
    <section class="card">
      <h2>Alias</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setAsking(true);
        }}
      >
        <Input
          label="Alias"
          value={alias}
          onChange={(text) => {
            setAlias(text);
            setAsking(false);
          }}
          hint={`Clients that ask for ${adapter.name}:${alias} get the version that it names.`}
        />
        {!isAsking && (
          <button class="primary" disabled={alias === '' || now === adapter}>
            Point {alias} at {reference}
          </button>
        )}
      </form>
      {now === adapter && <p>{alias} names this version.</p>}
      {isAsking && (
        <div role="alertdialog" aria-label="Confirm the move">
          <p>
            {now === undefined ? `${alias} is new.` : `${alias} names ${now.name}@${now.version} now.`} From the next
            tile on, it names {reference}, for all clients.
          </p>
          <p class="row">
            <button type="button" class="primary" disabled={action.isBusy} onClick={() => action.run(move)}>
              Yes, move {alias}
            </button>
            <button type="button" onClick={() => setAsking(false)}>
              No
            </button>
          </p>
        </div>
      )}
      <ErrorNotice error={action.error} />
    </section>
  );
}
