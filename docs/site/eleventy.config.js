import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { IdAttributePlugin } from '@11ty/eleventy';

/** Where the documentation lies; what is built goes below it. */
const ROOT = process.env.DOCS_ROOT ?? join(import.meta.dirname, '../..');
const OUTPUT = process.env.SITE_OUTPUT ?? join(ROOT, 'site');

const inFolder = (folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => posix.join(folder, name));

/** The menu: what somebody comes for, and the pages for it. A page that is nowhere else is under *More*. */
const MENU = [
  ['Begin', ['README.md', 'docs/guide/administrators.md', 'deploy/README.md', 'docs/configuration.md']],
  ['For people', ['docs/guide/announcement.md', 'docs/guide/from-entra.md', 'docs/accessibility.md']],
  [
    'Administer',
    ['docs/administration.md', 'docs/policy.md', 'docs/directory.md', 'docs/operations.md', 'docs/api.md'],
  ],
  ['Connect web apps', ['docs/guide/web-apps.md', 'docs/oidc.md', ...inFolder('docs/integrations')]],
  [
    'Trust',
    [
      'docs/threat-model.md',
      'docs/norms.md',
      'docs/asvs.md',
      'docs/inventory.md',
      'docs/supply-chain.md',
      'SECURITY.md',
    ],
  ],
  ['Build', ['docs/architecture.md', 'docs/performance.md', 'docs/versions.md', 'CONTRIBUTING.md', 'CHANGELOG.md']],
  ['Decisions', inFolder('docs/adr')],
];
const placed = new Set(MENU.flatMap(([, pages]) => pages));
const more = [...inFolder('docs'), ...inFolder('docs/guide')].filter((page) => !placed.has(page));
const menu = more.length > 0 ? [...MENU, ['More', more]] : MENU;
const pages = menu.flatMap(([, of]) => of);

const text = (page) => readFileSync(join(ROOT, page), 'utf8');
const titleOf = (page) => /^# (.+)$/m.exec(text(page))[1].replaceAll('`', '');
const addressOf = (page) => page.replace(/README\.md$/, 'index.html').replace(/\.md$/, '.html');
/** From one page to another, however deep the site itself lies. */
const between = (from, to) => posix.relative(posix.dirname(addressOf(from)), to) || posix.basename(to);

/** A link to another page goes to what is made of it; one to a file of the code stays its name. */
function followLinks(markdown) {
  markdown.core.ruler.push('follow-links', (state) => {
    const { source: page } = state.env;
    for (const token of state.tokens)
      for (const [at, link] of (token.children ?? []).entries()) {
        const href = link.attrGet('href');
        if (link.type !== 'link_open' || /^[a-z]+:|^#/.test(href)) continue;
        const [path, anchor] = href.split('#');
        const target = posix.join(posix.dirname(page), path).replace(/\/$/, '');
        const found = [target, `${target}/README.md`].find((each) => pages.includes(each));
        if (found) link.attrSet('href', between(page, addressOf(found)) + (anchor ? `#${anchor}` : ''));
        else if (target === 'docs/adr' || target === 'docs/integrations' || target === 'docs/guide')
          link.attrSet('href', between(page, addressOf(pages.find((each) => each.startsWith(`${target}/`)))));
        else if (!existsSync(join(ROOT, target))) throw new Error(`${page} links to ${href}, which does not exist`);
        else {
          const end = token.children.findIndex((each, index) => index > at && each.type === 'link_close');
          link.hidden = true;
          link.type = 'text';
          link.content = '';
          Object.assign(token.children[end], { type: 'text', content: '' });
        }
      }
  });
}

/** A column without a name has none that a screen reader could say. */
function leaveEmptyHeadings(markdown) {
  markdown.core.ruler.push('empty-headings', ({ tokens }) => {
    for (const [at, token] of tokens.entries())
      if (token.type === 'th_open' && tokens[at + 1].content === '') token.tag = tokens[at + 2].tag = 'td';
  });
}

export default function (eleventy) {
  eleventy.addPlugin(IdAttributePlugin);
  eleventy.amendLibrary('md', (markdown) =>
    markdown.set({ html: true }).enable('code').use(followLinks).use(leaveEmptyHeadings),
  );
  // What is wider than a phone is scrolled by keyboard too.
  eleventy.addTransform('scrolls', (html) => html.replace(/<(pre|table)(?=[ >])/g, '<$1 tabindex="0"'));
  eleventy.addPassthroughCopy({ [join(ROOT, 'public/guide')]: 'public/guide' });
  eleventy.addPassthroughCopy({ 'site.css': 'site.css' });
  for (const page of pages)
    eleventy.addTemplate(`pages/${page}`, text(page), {
      layout: 'page.liquid',
      permalink: addressOf(page),
      source: page,
      title: titleOf(page),
      home: between(page, 'index.html'),
      css: between(page, 'site.css'),
      menu: menu.map(([name, of]) => ({
        name,
        isOpen: of.includes(page),
        pages: of.map((each) => ({
          title: each === 'README.md' ? 'What it is' : titleOf(each),
          href: between(page, addressOf(each)),
          isHere: each === page,
        })),
      })),
    });
  return {
    dir: { input: '.', includes: 'layouts', layouts: 'layouts', output: OUTPUT },
    // What looks like a template in our documents is one of somebody else's.
    markdownTemplateEngine: false,
    templateFormats: ['md'],
  };
}
