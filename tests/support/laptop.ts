/** What a page was, as far as a test without a browser needs it. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
}

/** A browser of cookies and forms: follows redirects, keeps cookies by path as RFC 6265 says, submits forms with their token. */
export class Laptop {
  readonly #cookies = new Map<string, { name: string; value: string; path: string }>();
  readonly headers: Record<string, string>;
  page: Page = { url: '', status: 0, headers: new Headers(), html: '' };

  constructor(headers: Record<string, string> = { 'accept-language': 'nl' }) {
    this.headers = {
      accept: 'text/html',
      'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
      ...headers,
    };
  }

  cookie(name: string): string | undefined {
    return [...this.#cookies.values()].find((cookie) => cookie.name === name)?.value;
  }

  setCookie(name: string, value: string): void {
    for (const cookie of this.#cookies.values()) if (cookie.name === name) cookie.value = value;
  }

  /** As somebody at the keyboard can. */
  forgetCookie(name: string): void {
    for (const [key, cookie] of this.#cookies) if (cookie.name === name) this.#cookies.delete(key);
  }

  cookies(): string[] {
    return [...this.#cookies.values()].map(({ name, value, path }) => `${name}=${value}; Path=${path}`);
  }

  /** One request, no redirects followed. */
  async send(url: string, init: RequestInit = {}): Promise<Response> {
    const { pathname } = new URL(url);
    const cookie = [...this.#cookies.values()]
      .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const response = await fetch(url, {
      redirect: 'manual',
      ...init,
      headers: {
        ...this.headers,
        ...(cookie ? { cookie } : {}),
        ...(init.headers as Record<string, string> | undefined),
      },
    });
    for (const line of response.headers.getSetCookie()) this.#keep(line, pathname);
    return response;
  }

  #keep(line: string, requestPath: string): void {
    const [pair = '', ...attributes] = line.split(/;\s*/);
    const at = pair.indexOf('=');
    const name = pair.slice(0, at);
    const value = pair.slice(at + 1);
    const find = (key: string) =>
      attributes.find((attribute) => attribute.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
    const path = find('path') ?? requestPath.replace(/\/[^/]*$/, '') ?? '/';
    const isGone = !value || find('max-age') === '0' || Date.parse(find('expires') ?? '2999-01-01') < Date.now();
    if (isGone) this.#cookies.delete(`${name};${path}`);
    else this.#cookies.set(`${name};${path}`, { name, value, path });
  }

  /** Follows redirects until a page, or until `stopAt` begins the address to go to. */
  async open(url: string, init: RequestInit = {}, stopAt?: string): Promise<Page> {
    let next = url;
    let options = init;
    for (let hop = 0; hop < 15; hop += 1) {
      const response = await this.send(next, options);
      const location = response.headers.get('location');
      if (response.status >= 300 && response.status < 400 && location) {
        await response.arrayBuffer();
        next = new URL(location, next).href;
        options = {};
        if (stopAt && next.startsWith(stopAt)) {
          this.page = { url: next, status: 0, headers: response.headers, html: '' };
          return this.page;
        }
        continue;
      }
      this.page = { url: next, status: response.status, headers: response.headers, html: await response.text() };
      return this.page;
    }
    throw new Error(`too many redirects, last to ${next}`);
  }

  /** Submits the form of the page whose action ends in `action`, with its hidden fields and these. */
  submit(action: string, fields: object = {}, stopAt?: string): Promise<Page> {
    const form = [...this.page.html.matchAll(/<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g)].find(
      ([, target]) => target!.endsWith(action),
    );
    if (!form) throw new Error(`no form for ${action} on ${this.page.url}: ${this.page.html.slice(0, 3000)}`);
    const hidden = [...form[2]!.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(
      ([, name, value]) => [name!, value!],
    );
    const texts = Object.entries(fields).filter(([, value]) => typeof value === 'string');
    const body = new URLSearchParams(Object.fromEntries([...hidden, ...texts] as [string, string][]));
    const url = new URL(form[1]!.replaceAll('&amp;', '&'), this.page.url);
    return this.open(url.href, { method: 'POST', body, headers: { origin: url.origin } }, stopAt);
  }

  get title(): string {
    return (
      /<h1[^>]*>([\s\S]*?)<\/h1>/
        .exec(this.page.html)?.[1]
        ?.replace(/<[^>]+>/g, '')
        .trim() ?? ''
    );
  }

  /** The number that the page shows, large. */
  get number(): string {
    return /class="number"[^>]*>(\d+)</.exec(this.page.html)?.[1] ?? '';
  }

  /** The code to type, as the wizard shows it. */
  get typedCode(): string {
    return /class="code typed">([^<]+)</.exec(this.page.html)?.[1] ?? '';
  }

  /** What the page hands to `navigator.credentials`. */
  get keyOptions(): Record<string, unknown> & { challenge: string } {
    const found = /data-options="([^"]+)"/.exec(this.page.html)?.[1];
    if (!found) throw new Error(`no key is asked for on ${this.page.url}`);
    return JSON.parse(found.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
  }

  get recoveryCodes(): string[] {
    return [...this.page.html.matchAll(/<li class="code">([^<]+)<\/li>/g)].map(([, code]) => code!);
  }
}
