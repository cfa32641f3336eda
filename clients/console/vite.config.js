import { defineConfig } from 'vite';

/** Relative addresses, so that the console also works behind a path of a proxy. No source maps: the sources are in the repository. */
export default defineConfig({
  base: './',
  // esbuild's and rolldown's JSX for preact, as in tsconfig.json.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: { outDir: 'dist/site', assetsInlineLimit: 0, chunkSizeWarningLimit: 1200, modulePreload: { polyfill: false } },
});
