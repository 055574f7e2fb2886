/** Typed settings: the only reader of the environment. */

export { type LimitName, limitNames } from './categories/limits.ts';
export {
  ConfigError,
  type InspectedConfig,
  inspectConfig,
  type LoadedConfig,
  type LoadOptions,
  loadConfig,
  type Source,
} from './load.ts';
export { allSettings, type CategoryName, type Config } from './registry.ts';
export type { ConfigProblem } from './rules.ts';
export { generatedSecrets, knownSecrets } from './secrets.ts';
export type { Environment, Setting } from './setting.ts';
