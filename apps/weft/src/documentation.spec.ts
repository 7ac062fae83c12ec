import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '../../..');
const pages = globSync(
  ['*.md', 'docs/*.md', 'e2e/*.md', 'bench/*.md', 'apps/*/*.md', 'libs/*/*.md', 'libs/testing/*/*.md'],
  { cwd: ROOT },
).sort();
const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8');
/** Examples show what others write. */
const proseOf = (page: string): string => textOf(page).replace(/```[\s\S]*?```/g, '');

/** As GitHub makes them of headings. */
const anchorsOf = (page: string): readonly string[] =>
  [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );

function isThere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : join(dirname(from), path);
  if (!existsSync(join(ROOT, target))) return false;
  return anchor === undefined || !target.endsWith('.md') || anchorsOf(target).includes(anchor);
}

it.each(pages)('%s: every relative link leads somewhere', (page) => {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  expect(links.filter((link) => !/^[a-z]+:/.test(link) && !isThere(page, link))).toEqual([]);
});

it.each(pages)('%s: every file that it names is there', (page) => {
  const named = [...proseOf(page).matchAll(/`((?:apps|libs|docs|e2e|tools|bench|protos)\/[\w./-]+)`/g)];
  const missing = named.map(([, path = '']) => path).filter((path) => !existsSync(join(ROOT, path)));
  expect(missing).toEqual([]);
});

it('every page of docs can be found from the README', () => {
  const unlinked = pages.filter((page) => page.startsWith('docs/') && !textOf('README.md').includes(`(${page})`));
  expect(unlinked).toEqual([]);
});

it('every app and lib has a README', () => {
  const projects = globSync(['apps/*/project.json', 'libs/*/project.json', 'libs/testing/*/project.json'], {
    cwd: ROOT,
  });
  expect(projects.filter((file) => !pages.includes(join(dirname(file), 'README.md')))).toEqual([]);
});
