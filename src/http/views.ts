import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Eta } from 'eta';
import type { Translate } from '../i18n/translate.ts';
import type { Frame } from './frame.ts';
import type { PageModels, PageName } from './pages.ts';

/** Draws a page. The template gets `m` (its model), `t` (sentences) and `frame`. */
export type Render = <Name extends PageName>(name: Name, model: PageModels[Name], t: Translate, frame: Frame) => string;

/** @param overrides a folder of the operator's with their own versions of some pages */
export function createRender(viewsDir: string, overrides: string | undefined): Render {
  const eta = new OverridableEta(viewsDir, overrides);
  return (name, m, t, frame) => eta.render(`./${name}`, { m, t, frame });
}

class OverridableEta extends Eta {
  readonly #own: string;
  readonly #overrides: string | undefined;

  constructor(own: string, overrides: string | undefined) {
    super({ views: own, cache: true, autoTrim: [false, 'nl'] });
    this.#own = own;
    this.#overrides = overrides;
  }

  override readFile = (path: string): string => {
    const mine = this.#overrides && join(this.#overrides, relative(this.#own, path));
    return readFileSync(mine && existsSync(mine) ? mine : path, 'utf8');
  };
}
