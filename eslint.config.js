import jsdoc from 'eslint-plugin-jsdoc';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      'docs/.vitepress/**',
      '**/dist/',
      '**/generated/',
      '**/node_modules/',
      'shared/*/kernels/',
      'out/',
      '.hyperswap/',
      '*.cjs',
      '*.js',
      'proto/*.cjs',
      'bin/',
      'clients/console/vite.config.js',
    ],
  },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { jsdoc },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // TensorFlow's types know a tensor's rank only where it is asserted.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      // With noUncheckedIndexedAccess, numeric code says where an index is known to be inside its array.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'jsdoc/check-param-names': ['error', { checkDestructured: false, disableMissingParamChecks: true }],
      'jsdoc/match-description': [
        'error',
        {
          contexts: ['any'],
          mainDescription: {
            match: '^(?!(Of|Whether|What|Whatever|Who|Whoever|So|How|Where|When|Even|Until|If|Why)\\b)[\\s\\S]*$',
            message: 'A doc comment begins with a noun or a verb.',
          },
        },
      ],
      // Prettier wraps code, but not comments.
      'max-len': ['error', { code: 10_000, comments: 120, ignoreUrls: true }],
      'no-restricted-imports': [
        'error',
        {
          patterns: [{ group: ['@hyperswap/*/*'], message: 'Import what a package exports, not its inside.' }],
        },
      ],
    },
  },
  {
    files: ['shared/*/src/**/*.ts', 'services/*/src/**/*.ts', 'clients/*/src/**/*.ts', 'tests/**/*.ts'],
    ignores: ['shared/tensor/src/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@tensorflow/*'], message: 'Only shared/tensor imports TensorFlow.' }] },
      ],
    },
  },
  {
    files: ['tests/**/*.ts'],
    // node:test's `test` and `describe` return promises that the runner awaits.
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
);
