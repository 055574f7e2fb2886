/** What every command works with: settings, output, and the API of a server. */

import type { Command } from 'commander';
import {
  type Config,
  ConfigError,
  type InspectedConfig,
  inspectConfig,
  knownSecrets,
  type LoadOptions,
} from '../config/index.ts';
import type { BuiltInRole } from '../context.ts';
import { type Api, createApi } from './api-client.ts';
import { anonymousConnection, type ConnectionOptions, operatorConnection, tenantConnection } from './connection.ts';
import { readFirstRun } from './first-run-file.ts';
import { createOutput, type Output, type Streams } from './output.ts';

/** What a run of the command line meets: streams, and where settings are read. */
export interface Surroundings extends Streams {
  readonly stdin: NodeJS.ReadableStream;
  /** Environment and working folder; those of the process by default. */
  readonly settings?: Pick<LoadOptions, 'environment' | 'directory'>;
}

/** What every command works with. */
export interface Shell {
  readonly surroundings: Surroundings;
  readonly output: Output;
  /** All settings, wrong ones with their defaults; makes no secrets. */
  readonly inspectConfig: () => InspectedConfig;
  /** All settings, as a server start takes them. @throws {ConfigError} */
  readonly serverConfig: () => Config;
  /** The API for a command of a tenant that a user of `role` may run. */
  readonly tenantApi: (options: ConnectionOptions, role: BuiltInRole) => Api;
  /** The API for a command that has no credential yet. */
  readonly anonymousApi: (options: ConnectionOptions) => Api;
  /** The API for a command of operators. */
  readonly operatorApi: (options: ConnectionOptions) => Api;
  /** The server and credential for a command of operators that makes its requests itself. */
  readonly operatorServer: (options: ConnectionOptions) => OperatorServer;
}

/** A server, for an operator. */
export interface OperatorServer {
  readonly url: string;
  readonly key: string;
  readonly timeoutMs: number;
}

/** Makes the shell of a program, which need not have read its arguments yet. */
export function createShell(program: Command, surroundings: Surroundings): Shell {
  const output = createOutput(surroundings, () => program.opts<{ json?: boolean }>().json === true);

  function inspect(): InspectedConfig {
    const { dataDir } = inspectConfig(surroundings.settings).config.server;
    return inspectConfig({ ...surroundings.settings, generated: knownSecrets(dataDir) });
  }

  /** The settings of a client: what is wrong with those of the server is no business of a client. */
  function clientSettings() {
    const { config, problems } = inspectConfig(surroundings.settings);
    const own = problems.filter(({ env }) => env.startsWith('GENAI_'));
    if (own.length > 0) throw new ConfigError(own);
    return { settings: config.client, firstRun: readFirstRun(config.server.dataDir) };
  }

  return {
    surroundings,
    output,
    inspectConfig: inspect,
    serverConfig() {
      const { config, problems } = inspect();
      if (problems.length > 0) throw new ConfigError(problems);
      return config;
    },
    tenantApi(options, role) {
      const { settings, firstRun } = clientSettings();
      const connection = tenantConnection(settings, firstRun, options, role);
      if (connection.demoUser !== undefined) output.note(`as ${connection.demoUser} of the demo`);
      return createApi(connection, settings.timeoutMs);
    },
    anonymousApi(options) {
      const { settings, firstRun } = clientSettings();
      return createApi(anonymousConnection(settings, firstRun, options), settings.timeoutMs);
    },
    operatorApi(options) {
      const { settings, firstRun } = clientSettings();
      return createApi(operatorConnection(settings, firstRun, options), settings.timeoutMs);
    },
    operatorServer(options) {
      const { settings, firstRun } = clientSettings();
      return { ...operatorConnection(settings, firstRun, options), timeoutMs: settings.timeoutMs };
    },
  };
}
