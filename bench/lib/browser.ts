import { Agent, request as httpRequest } from 'node:http';

/** One answer, its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 1024 });

/** One request by `node:http`: what costs the load generator least. */
export function call(
  url: string,
  {
    method,
    headers = {},
    form,
  }: { method?: string; headers?: Record<string, string>; form?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = form && new URLSearchParams(form).toString();
    const type =
      body === undefined
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) };
    const sent = httpRequest(
      url,
      { method: method ?? (body === undefined ? 'GET' : 'POST'), agent, headers: { ...type, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Cookies by path, redirects, and the hidden fields of a form: as much of a browser as a sign-in needs, and no more. */
export class Browser {
  readonly #cookies = new Map<string, { pair: string; path: string }>();
  url = '';
  page: Answer = { status: 0, headers: {}, body: '' };

  async #send(url: string, form?: Record<string, string>): Promise<Answer> {
    const { pathname, origin } = new URL(url);
    const cookie = [...this.#cookies.values()]
      .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(({ pair }) => pair)
      .join('; ');
    const headers = {
      accept: 'text/html',
      'accept-language': 'nl',
      ...(cookie && { cookie }),
      ...(form && { origin }),
    };
    const answer = await call(url, { headers, ...(form && { form }) });
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const [pair = '', ...attributes] = line.split('; ');
      const path = attributes.find((each) => /^path=/i.test(each))?.slice(5) ?? '/';
      const name = `${pair.slice(0, pair.indexOf('='))};${path}`;
      if (pair.endsWith('=') || attributes.some((each) => /^expires=Thu, 01 Jan 1970/i.test(each)))
        this.#cookies.delete(name);
      else this.#cookies.set(name, { pair, path });
    }
    return answer;
  }

  /** Follows redirects up to a page, or up to an address that begins with `stopAt`. @returns where it is then */
  async open(url: string, stopAt: string, form?: Record<string, string>): Promise<string> {
    let answer = await this.#send(url, form);
    this.url = url;
    while (answer.status >= 300 && answer.status < 400) {
      this.url = new URL(String(answer.headers.location), this.url).href;
      if (this.url.startsWith(stopAt)) return this.url;
      answer = await this.#send(this.url);
    }
    this.page = answer;
    return this.url;
  }

  /** Sends the form of the page whose action ends in `action`, with its hidden fields and these. */
  submit(action: string, fields: Record<string, string>, stopAt: string): Promise<string> {
    const { url, form } = this.#filledIn(action, fields);
    return this.open(url, stopAt, form);
  }

  /** The same, without following where it leads, and without leaving the page. */
  post(action: string, fields: Record<string, string>): Promise<Answer> {
    const { url, form } = this.#filledIn(action, fields);
    return this.#send(url, form);
  }

  #filledIn(action: string, fields: Record<string, string>): { url: string; form: Record<string, string> } {
    const { body, status } = this.page;
    const at = body.search(new RegExp(`<form[^>]*action="[^"]*${action}"`));
    if (at < 0) throw new Error(`${status} at ${this.url} has no form for ${action}: ${body.slice(0, 500)}`);
    const text = body.slice(at, body.indexOf('</form>', at));
    const target = /action="([^"]*)"/.exec(text)![1]!.replaceAll('&amp;', '&');
    const form = { ...fields };
    for (const [, name, value] of text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g))
      form[name!] ??= value!;
    return { url: new URL(target, this.url).href, form };
  }
}
