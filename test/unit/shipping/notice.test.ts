/** Without this: software of others shipped without its licence, because a dependency was added and NOTICE was not. */
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { projectPath, projectText } from './project-yaml.ts';

it('NOTICE is what the packages and the page of the console are made of', async () => {
  const { stderr, exitCode } = await execa(process.execPath, [projectPath('scripts/notice.mjs'), '--check'], {
    reject: false,
  });
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
});

it('NOTICE names every dependency of package.json', () => {
  const { dependencies } = JSON.parse(projectText('package.json')) as {
    readonly dependencies: Record<string, string>;
  };
  const notice = projectText('NOTICE');
  for (const [name, version] of Object.entries(dependencies))
    expect(notice).toContain(`- ${name} ${version} (`);
});
