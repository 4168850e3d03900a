import { checkUp } from '../checkup.ts';
import { translator } from '../i18n/translate.ts';
import type { Command } from './command.ts';

const ENGLISH = translator('en');
const SIGNS = { ok: 'ok  ', hint: 'hint', bad: 'BAD ' } as const;

export const doctorCommand: Command = {
  words: 'doctor',
  usage: 'doctor',
  help: 'Looks at everything that an installation depends on (settings, database, clock, audit log, mail, push, certificate, keys, disk, backup) and says what to do. Exit code 1 where something is bad.',
  async run(d) {
    const findings = (await checkUp(d)).map(({ level, part, name, facts }) => ({
      level,
      what: ENGLISH(`checkup.part_${part}`).toLowerCase(),
      text: ENGLISH(`checkup.${name}`, facts),
    }));
    if (findings.some(({ level }) => level === 'bad')) process.exitCode = 1;
    const text = findings.map((f) => `${SIGNS[f.level]}  ${f.what.padEnd(13)}  ${f.text}`).join('\n');
    return { text, data: findings };
  },
};
