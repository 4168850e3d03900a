#!/usr/bin/env node
import { type Command, RefusedError, UsageError } from './cli/command.ts';
import { commands } from './cli/commands.ts';
import { loadConfig } from './config/load.ts';
import { Fault } from './core/errors.ts';
import { systemRandom } from './core/random.ts';
import { createLog } from './log.ts';
import { openInstallation } from './server.ts';

const args = process.argv.slice(2);
const command = commands.find(({ words }) => words === args.slice(0, 2).join(' '));

const help = (of: readonly Command[]): string =>
  of
    .map(({ usage, help: text, examples = [] }) =>
      [`  ${usage}`, `      ${text}`, ...examples.map((example) => `      $ dubbelslot ${example}`)].join('\n'),
    )
    .join('\n\n');

if (!command || args.includes('--help')) {
  const isAsked = args.length === 0 || args.includes('--help');
  const text = command ? `Usage:\n${help([command])}` : `Usage: npm run cli -- <noun> <verb>\n\n${help(commands)}`;
  (isAsked ? process.stdout : process.stderr).write(
    `${isAsked ? '' : `There is no command “${args.join(' ')}”.\n\n`}${text}\n`,
  );
  process.exit(isAsked ? 0 : 2);
}

try {
  const config = loadConfig(process.env, systemRandom);
  const installation = await openInstallation(config, createLog('warn'));
  try {
    const said = await command.run(installation.dependencies, args.slice(2));
    if (said) process.stdout.write(`${said}\n`);
  } finally {
    await installation.close();
  }
} catch (error) {
  const isUsage =
    error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  const isRefused = error instanceof RefusedError;
  const message =
    isUsage || isRefused || error instanceof Fault
      ? (error as Error).message
      : ((error as Error).stack ?? String(error));
  process.stderr.write(`${message}\n${isUsage ? `\nUsage: ${command.usage}\n` : ''}`);
  process.exitCode = isUsage || isRefused ? 2 : 1;
}
