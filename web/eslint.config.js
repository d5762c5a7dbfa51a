import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const features = readdirSync(join(import.meta.dirname, 'src/features'));

/** Inside a folder of src, imports are relative; between them they begin with "@/". */
const upwards = { group: ['../../**'], message: 'Import other folders as "@/…".' };

/** What a feature may not import: other features, and the application that puts them together. */
const walls = features.map((feature) => ({
  files: [`src/features/${feature}/**`],
  rules: {
    'no-restricted-imports': ['error', {
      patterns: [
        upwards,
        { group: features.filter((other) => other !== feature).map((other) => `@/features/${other}/**`), message: 'Features do not import features: move what both need to components or lib.' },
        { group: ['@/app/**'], message: 'The application imports features, never the other way round.' },
      ],
    }],
  },
}));

export default tseslint.config(
  { ignores: ['dist', 'reference', 'placeholder', 'public', 'src/lib/api/schema.d.ts', 'test-results'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  hooks.configs.flat['recommended-latest'],
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] }, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/only-throw-error': 'off', // the router's redirect and notFound are thrown
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'no-restricted-imports': ['error', { patterns: [upwards] }],
    },
  },
  { files: ['src/**/*.tsx'], rules: { 'max-lines': ['error', 200] } },
  { files: ['src/components/**', 'src/lib/**'], rules: { 'no-restricted-imports': ['error', { patterns: [upwards, { group: ['@/features/**', '@/app/**'], message: 'The design system and lib know no feature.' }] }] } },
  ...walls,
  // What Playwright calls "use" is no hook, and its fixtures without others are written as {}.
  { files: ['e2e/**'], rules: { 'react-hooks/rules-of-hooks': 'off', 'no-empty-pattern': 'off' } },
  { files: ['size.js'], languageOptions: { globals: { console: 'readonly', process: 'readonly' } } },
  { files: ['**/*.js'], ...tseslint.configs.disableTypeChecked },
);
