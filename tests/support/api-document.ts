import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'vitest';
import type { ApiAnswer } from './api.ts';

type Document = Record<string, never> & {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>
  >;
};

/** Holds every answer against the document that the server gives of itself, by a validator that is not ours. */
export class DocumentJudge {
  readonly #ajv: Ajv2020;
  readonly #document: Document;

  constructor(document: object) {
    this.#document = document as Document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    (addFormats as unknown as (ajv: Ajv2020) => void)(this.#ajv);
    this.#ajv.addSchema({ $id: 'document', ...document });
  }

  judge(method: string, path: string, answer: ApiAnswer): void {
    const [bare = ''] = path.split('?');
    const template = Object.keys(this.#document.paths)
      .filter((each) => new RegExp(`^${each.replace(/\{\w+\}/g, '[^/]+')}$`).test(`/api/v1${bare}`))
      .sort((a, b) => a.split('{').length - b.split('{').length)[0];
    const operation = template && this.#document.paths[template]![method.toLowerCase()];
    if (!operation) return;
    const { status } = answer;
    if (status === 304) return;
    const described = operation.responses[status];
    expect(described, `${method} ${template} answered ${status}, which is not in the document`).toBeDefined();
    const type = (answer.headers.get('content-type') ?? '').split(';')[0]!;
    const content = described!.content ?? {};
    if (status === 204) {
      expect(answer.body).toBe('');
      return;
    }
    expect(Object.keys(content), `${method} ${template} ${status}`).toContain(type);
    if (!type.endsWith('json')) return;
    const place = ['paths', template, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema'];
    const pointer = place.map((part) => part!.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
    const validate =
      this.#ajv.getSchema(`document#/${encodeURI(pointer)}`) ?? this.#ajv.compile({ $ref: `document#/${pointer}` });
    const isValid = validate(answer.body);
    expect(isValid, `${method} ${template} ${status}: ${JSON.stringify(validate.errors)}`).toBe(true);
  }
}
