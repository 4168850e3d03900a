#!/usr/bin/env node
import { type BareCommand, type Command, RefusedError, UsageError } from './cli/command.ts';
import { commands } from './cli/commands.ts';
import { completionFor, SHELLS } from './cli/completion.ts';
import { loadConfig } from './config/load.ts';
import { Fault } from './core/errors.ts';
import { systemRandom } from './core/random.ts';
import { createLog } from './log.ts';
import { openInstallation } from './server.ts';

const given = process.argv.slice(2);
const isJson = given.includes('--json');
const args = given.filter((arg) => arg !== '--json');
const shell = args[0] === 'completion' ? SHELLS.find((each) => each === args[1]) : undefined;
if (shell && args.length === 2) {
  process.stdout.write(completionFor(shell, commands));
  process.exit(0);
}
const length = (words: string): number => words.split(' ').length;
const command = commands.find(({ words }) => words === args.slice(0, length(words)).join(' '));
const rest = args.slice(command ? length(command.words) : 0);

const help = (of: readonly (Command | BareCommand)[]): string =>
  of
    .map(({ usage, help: text, examples = [] }) =>
      [
        `  ${usage.replaceAll('\n', '\n  ')}`,
        `      ${text}`,
        ...examples.map((example) => `      $ dubbelslot ${example}`),
      ].join('\n'),
    )
    .join('\n\n');

if (!command || args.includes('--help')) {
  const isAsked = args.length === 0 || args.includes('--help');
  const text = command
    ? `Usage:\n${help([command])}`
    : `Usage: npm run cli -- <noun> <verb>\n\nEvery command takes --json. Exit codes: 0 done; 1 something is wrong, or failed; 2 refused, or mistyped; 3 an import\nrefused some lines. For Tab: eval "$(dubbelslot completion bash)" (or zsh).\n\n${help(commands)}`;
  if (isAsked) process.stdout.write(`${text}\n`);
  else {
    // Of what begins the same way; all of it would scroll the mistake away.
    const near = commands.filter(({ words }) => words.startsWith(`${args[0]} `)).map(({ words }) => `  ${words}\n`);
    const mistake = `There is no command “${args.join(' ')}”.`;
    process.stderr.write(
      isJson
        ? `${JSON.stringify({ error: mistake })}\n`
        : `${mistake}\n\n${near.length > 0 ? `There are:\n${near.join('')}\n` : ''}All of them: --help\n`,
    );
  }
  process.exit(isAsked ? 0 : 2);
}

try {
  const config = loadConfig(process.env, systemRandom);
  const log = createLog('warn');
  const installation = 'runBare' in command ? undefined : await openInstallation(config, log);
  try {
    const said =
      'runBare' in command
        ? await command.runBare(config, log, rest)
        : await command.run(installation!.dependencies, rest);
    const { text, data } = typeof said === 'string' ? { text: said, data: said ? { said } : undefined } : said;
    const shown = isJson && data !== undefined ? JSON.stringify(data, null, 2) : text;
    if (shown) process.stdout.write(`${shown}\n`);
  } finally {
    await installation?.close();
  }
} catch (error) {
  const isUsage =
    error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  const isRefused = error instanceof RefusedError;
  const message =
    isUsage || isRefused || error instanceof Fault
      ? `${(error as Error).message}${causeOf(error)}`
      : ((error as Error).stack ?? String(error));
  process.stderr.write(
    isJson ? `${JSON.stringify({ error: message })}\n` : `${message}\n${isUsage ? `\nUsage: ${command.usage}\n` : ''}`,
  );
  process.exitCode = isUsage || isRefused ? 2 : 1;
}

/** Why, for whoever has the machine: a fault's own sentence is for everybody. */
function causeOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  if (!(error instanceof Fault) || !(cause instanceof Error)) return '';
  const all = cause instanceof AggregateError ? (cause.errors as Error[]) : [cause];
  return `\n${all.map(({ message }) => `  - ${message}`).join('\n')}`;
}
