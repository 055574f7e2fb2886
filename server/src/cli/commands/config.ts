/** `genai config`: every setting with its effective value and source, and what is wrong with them. */

import type { Command } from 'commander';
import { allSettings, ConfigError, type InspectedConfig, type Setting } from '../../config/index.ts';
import { CommandError } from '../failures.ts';
import { tableText } from '../output.ts';
import type { Shell } from '../shell.ts';

/** Adds `config show` and `config check`. */
export function addConfig(program: Command, { output, inspectConfig }: Shell): void {
  const config = program.command('config').description('show and check the settings');

  config
    .command('show')
    .description('show every setting with its effective value and where it comes from; secrets are masked')
    .argument('[key]', 'environment variable of one setting, for all that is known about it')
    .action((key: string | undefined) => {
      const inspected = inspectConfig();
      const rows = settingRows(inspected);
      if (key === undefined) {
        const cells = rows.map(({ env, value, source, default: fallback }) => [env, value, source, fallback]);
        output.result({ data: rows }, () => tableText(['SETTING', 'VALUE', 'SOURCE', 'DEFAULT'], cells));
      } else {
        const row = rows.find(({ env }) => env === key.toUpperCase());
        if (row === undefined) throw unknownSetting(key, rows);
        output.result(
          row,
          () =>
            `${Object.entries(row)
              .map(([name, value]) => `${`${name}:`.padEnd(13)} ${value ?? ''}`.trimEnd())
              .join('\n')}\n`,
        );
      }
      if (inspected.problems.length > 0) output.note(`\n${new ConfigError(inspected.problems).message}`);
    });

  config
    .command('check')
    .description('check all settings as a server start would')
    .action(() => {
      const { problems } = inspectConfig();
      if (problems.length > 0) throw new ConfigError(problems);
      output.result({ problems }, () => 'All settings are in order.\n');
    });
}

/** A setting as it is shown. */
interface SettingRow {
  readonly env: string;
  readonly value: string | null;
  readonly source: string;
  readonly default: string | null;
  readonly category: string;
  readonly type: string;
  readonly range: string;
  readonly unit: string | null;
  readonly secret: boolean;
  readonly description: string;
}

function settingRows({ config, sources }: InspectedConfig): readonly SettingRow[] {
  return allSettings().map(({ category, key, setting }) => {
    const { env, type, range, unit = null, secret, description } = setting;
    const value = (config[category] as Readonly<Record<string, unknown>>)[key];
    return {
      env,
      value: shownValue(setting, value),
      source: sources.get(env) ?? 'default',
      default: shownValue(setting, setting.default),
      ...{ category, type, range, unit, secret, description },
    };
  });
}

/** A value as text; of a secret only that there is one, of a secret address all but the secret. */
function shownValue(setting: Pick<Setting<unknown>, 'secret' | 'type'>, value: unknown): string | null {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return null;
  if (!setting.secret) return String(value);
  const isAddress = setting.type === 'url' || setting.type === 'list';
  return isAddress
    ? [value]
        .flat()
        .map((part) => addressWithoutSecrets(String(part)))
        .join(',')
    : masked;
}

const masked = '***';

function addressWithoutSecrets(text: string): string {
  const url = URL.parse(text);
  if (url === null) return masked;
  if (url.password !== '') url.password = masked;
  // Drivers take passwords as parameters too.
  if (url.search !== '') url.search = `?${masked}`;
  return url.href;
}

function unknownSetting(key: string, rows: readonly SettingRow[]): CommandError {
  const similar = rows.map(({ env }) => env).filter((env) => env.includes(key.toUpperCase()));
  return new CommandError('usage', `There is no setting "${key}".`, {
    fix: similar.length > 0 ? `Similar: ${similar.join(', ')}.` : '`genai config show` lists all.',
  });
}
