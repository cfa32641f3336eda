/** The documents as a static site with search: `make docs` writes it to out/site. Its home page is the README of the project. */
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { slug } from 'github-slugger';
import { defineConfig } from 'vitepress';

const repository = path.resolve(import.meta.dirname, '..', '..');
/** Files that pages link to and that are no pages, relative to the repository. */
const linkedFiles = new Set();

const page = (text, link) => ({ text, link });

export default defineConfig({
  title: 'hyperswap',
  description: 'Land-cover maps of hyperspectral scenes from a few labelled pixels',
  srcDir: '..',
  outDir: '../out/site',
  cacheDir: '../node_modules/.cache/vitepress',
  base: process.env.DOCS_BASE ?? '/',
  // Documents of the packages are pages too, where others link to them.
  srcExclude: [
    'out/**',
    'docs/README.md',
    'docs/notebooks/**',
    '**/dist/**',
    '**/.venv/**',
    'tests/**',
    'clients/python/.*/**',
  ],
  rewrites: { 'README.md': 'index.md' },
  cleanUrls: false,
  lastUpdated: false,
  markdown: {
    // Angle brackets in text are text, as in <name>.
    html: false,
    // Headings have the anchors that they have where the repository is read.
    anchor: { slugify: (text) => slug(text) },
    config: (markdown) => {
      markdown.core.ruler.push('linked files', ({ tokens, env }) => {
        const { relativePath } = env;
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          const target = token.attrGet('href') ?? '';
          if (token.type !== 'link_open' || /^([a-z]+:|#)/.test(target) || /\.(md|html)(#|$)/.test(target)) continue;
          // Its place in the site is its place in the repository.
          linkedFiles.add(path.posix.join(path.posix.dirname(relativePath), target));
          token.attrSet('target', '_blank');
        }
      });
    },
  },
  buildEnd: async ({ outDir }) => {
    for (const file of linkedFiles) {
      await mkdir(path.dirname(path.join(outDir, file)), { recursive: true });
      await copyFile(path.join(repository, file), path.join(outDir, file));
    }
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: { level: [2, 3] },
    nav: [
      page('Tutorial', '/docs/tutorial'),
      page('How-to', '/docs/how-to/my-file'),
      page('Reference', '/docs/reference/cli'),
      page('Architecture', '/docs/architecture'),
    ],
    sidebar: [
      { text: 'Start', items: [page('What it is', '/'), page('Tutorial: your first map', '/docs/tutorial')] },
      {
        text: 'How to',
        items: [
          page('Install without building', '/docs/how-to/install'),
          page('Read my file', '/docs/how-to/my-file'),
          page('Work with few labels', '/docs/how-to/few-labels'),
          page('Choose a method', '/docs/how-to/which-method'),
          page('Make a map smoother', '/docs/how-to/smoother-maps'),
          page('Work in QGIS', '/docs/how-to/qgis'),
          page('Serve a team', '/docs/how-to/serve-a-team'),
          page('Scale out', '/docs/how-to/scale-out'),
          page('Upgrade', '/docs/how-to/upgrade'),
        ],
      },
      {
        text: 'Clients',
        items: [
          page('Command line', '/docs/command-line'),
          page('Web console', '/docs/console'),
          page('Python', '/docs/python'),
          page('KServe and Triton clients', '/docs/serving'),
          page('OGC API – Processes', '/docs/ogc'),
        ],
      },
      {
        text: 'Reference',
        items: [
          page('Commands', '/docs/reference/cli'),
          page('Settings', '/docs/reference/config'),
          page('gRPC API', '/docs/reference/api'),
          page('Errors', '/docs/reference/errors'),
          page('Metrics', '/docs/reference/metrics'),
          page('File formats', '/docs/formats'),
          page('Files of a map', '/docs/maps'),
          page('Methods and splits', '/docs/methods'),
        ],
      },
      {
        text: 'Operate',
        items: [
          page('Deploy', '/docs/deploy'),
          page('A fleet', '/docs/fleet'),
          page('Operations', '/docs/operations'),
          page('Scaling', '/docs/scaling'),
          page('Security', '/docs/security'),
        ],
      },
      {
        text: 'Explanation',
        items: [
          page('Architecture', '/docs/architecture'),
          page('Accuracy, honestly', '/docs/experiments'),
          page('Accuracy on new land', '/docs/new-land'),
          page('Rival networks', '/docs/rivals'),
          page('How the settings were found', '/docs/settings-search'),
          page('Benchmarks', '/docs/benchmarks'),
          page('The backbone', '/docs/backbone'),
          page('The demo’s scene', '/docs/datasets'),
          page('Changes', '/CHANGELOG'),
        ],
      },
    ],
  },
});
