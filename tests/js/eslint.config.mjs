/** What ESLint looks for in the editor's JavaScript and its tests: mistakes, not taste. tests/test_lint.py runs it. */

const names = (kind, list) => Object.fromEntries(list.split(" ").map((name) => [name, kind]));
const BROWSER = "AbortController Blob CustomEvent Event File FormData HTMLInputElement Image ImageData ResizeObserver TextDecoder TextEncoder URL URLSearchParams WebSocket "
  + "cancelAnimationFrame clearTimeout createImageBitmap document fetch getComputedStyle location navigator performance queueMicrotask requestAnimationFrame setTimeout window";
const NODE = "AbortController Buffer TextDecoder URL atob btoa clearTimeout console performance process queueMicrotask setTimeout structuredClone";

const RULES = [
  "array-callback-return", "constructor-super", "default-case-last", "eqeqeq", "for-direction", "getter-return", "no-async-promise-executor",
  "no-case-declarations", "no-class-assign", "no-compare-neg-zero", "no-cond-assign", "no-const-assign", "no-constant-binary-expression",
  "no-constant-condition", "no-constructor-return", "no-debugger", "no-delete-var", "no-dupe-args", "no-dupe-class-members", "no-dupe-else-if", "no-dupe-keys",
  "no-duplicate-case", "no-duplicate-imports", "no-empty", "no-empty-character-class", "no-empty-pattern", "no-eval", "no-ex-assign", "no-extra-boolean-cast",
  "no-fallthrough", "no-func-assign", "no-global-assign", "no-implied-eval", "no-import-assign", "no-invalid-regexp", "no-irregular-whitespace",
  "no-lone-blocks", "no-loss-of-precision", "no-misleading-character-class", "no-new-func", "no-new-native-nonconstructor", "no-obj-calls",
  "no-octal", "no-prototype-builtins", "no-redeclare", "no-regex-spaces", "no-self-assign", "no-self-compare", "no-setter-return",
  "no-shadow-restricted-names", "no-sparse-arrays", "no-template-curly-in-string", "no-this-before-super", "no-throw-literal", "no-unassigned-vars", "no-undef",
  "no-unexpected-multiline", "no-unmodified-loop-condition", "no-unreachable", "no-unreachable-loop", "no-unsafe-finally", "no-unsafe-negation",
  "no-unsafe-optional-chaining", "no-unused-labels", "no-unused-private-class-members", "no-useless-assignment", "no-useless-backreference", "no-useless-catch",
  "no-useless-computed-key", "no-useless-escape", "no-useless-rename", "no-var", "object-shorthand", "prefer-const", "require-yield",
  "use-isnan", "valid-typeof",
];

const rules = {
  ...names("error", RULES.join(" ")),
  eqeqeq: ["error", "always", { null: "ignore" }], // == null is null or undefined
  "no-unused-vars": ["error", { args: "after-used", argsIgnorePattern: "^_", ignoreRestSiblings: true, caughtErrors: "all" }],
};

export default [
  { linterOptions: { reportUnusedDisableDirectives: "error" }, languageOptions: { ecmaVersion: 2023, sourceType: "module" }, rules },
  { files: ["web/js/**/*.js"], languageOptions: { globals: names("readonly", BROWSER) } },
  { files: ["tests/js/**/*.mjs"], languageOptions: { globals: names("readonly", NODE) } },
];
