/** Frame of the console: pages by the hash of the address, the menu, and the token of this tab. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { AdaptersPage } from './adapters/adapters-page.js';
import { FleetPage } from './fleet/fleet-page.js';
import { MapsPage } from './maps/maps-page.js';
import { ScenesPage } from './scenes/scenes-page.js';
import { SignIn } from './sign-in.js';
import { TrainPage } from './train/train-page.js';

/** Page of the menu. */
interface MenuPage {
  /** First part of its address. */
  readonly name: string;
  readonly text: string;
  /** @param id second part of the address; empty for none */
  readonly show: (id: string) => JSX.Element;
}

const pages: readonly MenuPage[] = [
  { name: 'maps', text: 'Maps', show: (id) => <MapsPage id={id} go={go} /> },
  { name: 'scenes', text: 'Scenes', show: (id) => <ScenesPage id={id} /> },
  { name: 'train', text: 'Train', show: (id) => <TrainPage id={id} go={go} /> },
  { name: 'adapters', text: 'Adapters', show: (id) => <AdaptersPage id={id} /> },
  { name: 'fleet', text: 'Fleet', show: () => <FleetPage /> },
];

function currentPath(): readonly string[] {
  return location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
}

export function App(): JSX.Element {
  const [path, setPath] = useState(currentPath);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const follow = (): void => setPath(currentPath());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  const [name = '', id = ''] = path;
  const page = pages.find((known) => known.name === name) ?? pages[0]!;
  useEffect(() => {
    document.title = `${page.text} – hyperswap`;
  }, [page]);
  return (
    <>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('content')?.focus();
        }}
      >
        Skip to the content
      </a>
      <header>
        <p class="brand">hyperswap</p>
        <nav aria-label="Pages">
          {pages.map((known) => (
            <a key={known.name} href={`#/${known.name}`} aria-current={known === page ? 'page' : undefined}>
              {known.text}
            </a>
          ))}
        </nav>
        <SignIn onChange={() => setRound(round + 1)} />
      </header>
      <main id="content" tabIndex={-1} key={round}>
        {page.show(id)}
      </main>
    </>
  );
}

function go(path: string): void {
  location.hash = `/${path}`;
}
