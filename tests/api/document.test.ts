import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient } from '../support/api.ts';
import { startInstallation, type TestInstallation } from '../support/installation.ts';

let installation: TestInstallation;
let nobody: ApiClient;

beforeAll(async () => {
  installation = await startInstallation();
  nobody = new ApiClient(installation.url, '');
});
afterAll(() => installation.close());

describe('the document of the API', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { status, body } = await nobody.get('/openapi.json');
    expect(status).toBe(200);
    const result = await new Validator().validate(body);
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
    expect(body.openapi).toBe('3.1.0');
  });

  it('has every route, each with a name, a scope and a sentence, and is readable without script', async () => {
    const { body } = await nobody.get('/openapi.json');
    const operations = Object.values<Record<string, Record<string, unknown>>>(body.paths).flatMap((each) =>
      Object.values(each),
    );
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { summary, security } of operations) {
      expect(summary).toMatch(/^[A-Z].{8,}/);
      expect((security as object[])[0]).toHaveProperty('oauth2');
    }
    const page = await fetch(`${installation.url}/api/v1`);
    expect(page.status).toBe(200);
    const html = await page.text();
    for (const id of ids) expect(html).toContain(`id="${id}"`);
  });
});
