import type { Command } from 'commander';

/** Wrong usage is thrown instead of ending the process with an exit code of commander's own. */
export function withOurExits(command: Command): Command {
  command
    .exitOverride()
    .showHelpAfterError('(--help shows what is possible)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'paygate:')) });
  command.commands.forEach(withOurExits);
  return command;
}
