/**
 * Completion scripts for shells, made from the tree of commands: names of commands and options, and the values of options
 * that have a fixed set. Everything else completes as file names do.
 */

import type { Command, Option } from 'commander';

/** Shells that scripts are made for. */
export const completionShells = ['bash', 'zsh', 'fish'] as const;
export type CompletionShell = (typeof completionShells)[number];

/** A command with what can follow it. */
interface Node {
  /** Names from the program down, without the program: `keys create`; empty for the program. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly Option[];
}

/** The script that makes a shell complete the commands of a program. */
export function completionScript(program: Command, shell: CompletionShell): string {
  const nodes = nodesOf(program, '', program.options);
  if (shell === 'fish') return fishScript(program.name(), nodes);
  return shell === 'bash' ? bashScript(program.name(), nodes) : zshScript(program.name(), nodes);
}

function nodesOf(command: Command, path: string, inherited: readonly Option[]): readonly Node[] {
  const { visibleCommands, visibleOptions } = {
    visibleCommands: command.createHelp().visibleCommands(command),
    visibleOptions: command.createHelp().visibleOptions(command),
  };
  const commands = visibleCommands.filter((child) => child.name() !== 'help');
  const options = [...new Set([...visibleOptions, ...inherited])];
  const node: Node = {
    path,
    commands: commands.map((child) => ({ name: child.name(), description: child.description() })),
    options,
  };
  return [node, ...commands.flatMap((child) => nodesOf(child, `${path} ${child.name()}`.trim(), inherited))];
}

function wordsOf({ commands, options }: Node): string {
  return [...commands.map(({ name }) => name), ...options.map(({ long }) => long)].join(' ');
}

/** Options with a fixed set of values, each once. */
function choicesOf(nodes: readonly Node[]): ReadonlyMap<string, readonly string[]> {
  const options = nodes.flatMap((node) => node.options);
  return new Map(options.flatMap(({ long, argChoices }) => (long && argChoices ? [[long, argChoices] as const] : [])));
}

/** The part that bash and zsh share: finds the command among the words before the one being typed. */
function posixCases(nodes: readonly Node[]): {
  readonly words: string;
  readonly values: string;
  readonly names: string;
} {
  const words = nodes.map((node) => `    '${node.path}') words='${wordsOf(node)}' ;;`).join('\n');
  const values = [...choicesOf(nodes)]
    .map(([long, choices]) => `    ${long}) words='${choices.join(' ')}' ;;`)
    .join('\n');
  const names = nodes
    .slice(1)
    .map(({ path }) => `'${path}'`)
    .join('|');
  return { words, values, names };
}

function bashScript(name: string, nodes: readonly Node[]): string {
  const { words, values, names } = posixCases(nodes);
  return `# bash completion of ${name}: source <(${name} completion bash)
_${name}() {
  local path='' words='' word next
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${path:+$path }$word"
    case "$next" in
      ${names}) path="$next" ;;
    esac
  done
  case "$path" in
${words}
  esac
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
${values}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}
`;
}

function zshScript(name: string, nodes: readonly Node[]): string {
  const { words: cases, values, names } = posixCases(nodes);
  return `#compdef ${name}
# zsh completion of ${name}: source <(${name} completion zsh)
_${name}() {
  local route='' words_here='' word next
  for word in "\${(@)words[2,CURRENT-1]}"; do
    next="\${route:+$route }$word"
    case "$next" in
      ${names}) route="$next" ;;
    esac
  done
  case "$route" in
${cases.replaceAll("words='", "words_here='")}
  esac
  case "\${words[CURRENT-1]}" in
${values.replaceAll("words='", "words_here='")}
  esac
  compadd -- \${=words_here} || _files
}
compdef _${name} ${name}
`;
}

function fishScript(name: string, nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const when = `-n '__${name}_at "${node.path}"'`;
    const commands = node.commands.map(
      (command) => `complete -c ${name} -f ${when} -a ${command.name} -d ${fishText(command.description)}`,
    );
    const options = node.options.map(({ long, argChoices, required, description }) => {
      const values = argChoices === undefined ? '' : ` -f -a '${argChoices.join(' ')}'`;
      return `complete -c ${name} ${when} -l ${long?.slice(2)}${required ? ' -r' : ''}${values} -d ${fishText(description)}`;
    });
    return [...commands, ...options];
  });
  const paths = nodes
    .slice(1)
    .map(({ path }) => `'${path}'`)
    .join(' ');
  return `# fish completion of ${name}: ${name} completion fish | source
function __${name}_at
  set -l route ''
  for word in (commandline -opc)[2..]
    set -l next (string trim "$route $word")
    contains -- "$next" ${paths}; and set route $next
  end
  test "$route" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
