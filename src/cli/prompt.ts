import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { UsageError } from './command.ts';

/** Asks for a password without showing it; without a terminal, takes the first line of the input. */
export function askPassword(question: string): Promise<string> {
  const { stdin, stderr } = process;
  return new Promise((resolve, reject) => {
    if (stdin.isTTY) stderr.write(question);
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input: stdin, output: silent, terminal: stdin.isTTY });
    let answer: string | undefined;
    lines.once('line', (line) => {
      answer = line;
      lines.close();
    });
    lines.once('close', () => {
      if (stdin.isTTY) stderr.write('\n');
      if (answer === undefined)
        reject(new UsageError('No password was given: type it, or send it as the first line of the input.'));
      else resolve(answer);
    });
    lines.once('SIGINT', () => {
      lines.close();
      process.exit(130);
    });
  });
}
