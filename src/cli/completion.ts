// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the shells’ own variables.
import type { BareCommand, Command } from './command.ts';

const NAME = 'dubbelslot';
export const SHELLS = ['bash', 'zsh'] as const;

/** Everything that `--help` mentions as an option of a command. */
const optionsOf = ({ usage }: Pick<Command, 'usage'>): string[] => [
  ...new Set([...(usage.match(/--[a-z-]+/g) ?? []), '--json', '--help']),
];

/** What to say to a shell so that Tab completes nouns, verbs and options; made from the table of commands. */
export function completionFor(shell: (typeof SHELLS)[number], commands: readonly (Command | BareCommand)[]): string {
  const verbs = new Map<string, string[]>([['completion', [...SHELLS]]]);
  for (const { words } of commands) {
    const [noun = '', verb = ''] = words.split(' ');
    verbs.set(noun, [...(verbs.get(noun) ?? []), verb]);
  }
  const nouns = [...verbs.keys()].sort().join(' ');
  const verbCases = [...verbs].map(([noun, of]) => `    ${noun}) echo "${[...of].sort().join(' ')}" ;;`);
  const optionCases = commands.map((command) => `    "${command.words}") echo "${optionsOf(command).join(' ')}" ;;`);
  const words = [
    `_${NAME}_words() {`,
    `  if [ -z "$1" ]; then echo "${nouns}"; return; fi`,
    '  if [ -z "$2" ]; then',
    '    case "$1" in',
    ...verbCases,
    '    esac',
    '    return',
    '  fi',
    '  case "$1 $2" in',
    ...optionCases,
    '  esac',
    '}',
  ];
  const bash = [
    `_${NAME}() {`,
    '  local current="${COMP_WORDS[COMP_CWORD]}" first="" second=""',
    '  [ "$COMP_CWORD" -gt 1 ] && first="${COMP_WORDS[1]}"',
    '  [ "$COMP_CWORD" -gt 2 ] && second="${COMP_WORDS[2]}"',
    `  COMPREPLY=($(compgen -W "$(_${NAME}_words "$first" "$second")" -- "$current"))`,
    '  if [ "$COMP_CWORD" -gt 2 ] && [ "${current#-}" = "$current" ]; then COMPREPLY=($(compgen -f -- "$current")); fi',
    '}',
    `complete -F _${NAME} ${NAME}`,
  ];
  const zsh = [
    `_${NAME}() {`,
    '  local first="" second=""',
    '  (( CURRENT > 2 )) && first="$words[2]"',
    '  (( CURRENT > 3 )) && second="$words[3]"',
    `  compadd -- \${=$(_${NAME}_words "$first" "$second")}`,
    '  (( CURRENT > 3 )) && _files',
    '}',
    `compdef _${NAME} ${NAME}`,
  ];
  return [
    `# ${shell === 'bash' ? `eval "$(${NAME} completion bash)"` : `eval "$(${NAME} completion zsh)", after compinit`}`,
    ...words,
    ...(shell === 'bash' ? bash : zsh),
    '',
  ].join('\n');
}
