import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function toBase32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = bits.match(/.{1,5}/g)!.map((five) => ALPHABET[Number.parseInt(five.padEnd(5, '0'), 2)]!);
  return letters.join('').padEnd(Math.ceil(letters.length / 8) * 8, '=');
}

function fromBase32(text: string): Buffer {
  if (!/^[A-Z2-7]+=*$/.test(text)) throw new Error(`not base 32: ${text}`);
  const bits = [...text.replaceAll('=', '')].map((c) => ALPHABET.indexOf(c).toString(2).padStart(5, '0')).join('');
  return Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
}

export interface Waiting {
  readonly nonce: string;
  readonly url: string;
  readonly serial: string;
  readonly question: string;
  readonly title: string;
}

interface Envelope {
  result: { status: boolean; value?: unknown; error?: { message: string } };
  detail?: { public_key?: string; display_code?: string; message?: string };
}

/**
 * A double of the store app, by its documented byte rules: what it refuses, it refuses by throwing. It stands in for
 * the contract; trying a real phone stays a step by hand.
 */
export class StoreAppPhone {
  readonly serial: string;
  readonly #query: URLSearchParams;
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  readonly #headers: Record<string, string>;
  #server: KeyObject | undefined;
  /** Milliseconds by which this phone's clock is ahead. */
  clockOffset = 0;

  constructor(address: string, headers: Record<string, string> = {}) {
    const url = new URL(address.replace('otpauth://', 'https://'));
    if (url.host !== 'pipush' || url.searchParams.get('v') !== '1') throw new Error(`not for this app: ${address}`);
    if (url.searchParams.get('poll_only') !== 'True') throw new Error('the app would ask Firebase first');
    this.#query = url.searchParams;
    this.serial = url.searchParams.get('serial')!;
    this.#headers = headers;
  }

  get url(): string {
    return this.#query.get('url')!;
  }
  get label(): string {
    return this.#query.get('issuer')!;
  }

  sign(text: string): string {
    return toBase32(sign('sha256', Buffer.from(text), this.#keys.privateKey));
  }

  #now(): string {
    // Dart writes microseconds.
    return new Date(Date.now() + this.clockOffset).toISOString().replace('Z', '123Z');
  }

  async post(fields: Record<string, string>): Promise<{ status: number; text: string; json: Envelope | undefined }> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', ...this.#headers },
      body: new URLSearchParams(fields),
    });
    const text = await response.text();
    return { status: response.status, text, json: text.startsWith('{') ? (JSON.parse(text) as Envelope) : undefined };
  }

  async enrol(more: Record<string, string> = {}): ReturnType<StoreAppPhone['post']> {
    const answer = await this.post({
      enrollment_credential: this.#query.get('enrollment_credential')!,
      serial: this.serial,
      fbtoken: 'no_firebase_token',
      pubkey: this.#keys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
      capabilities: '["decline_reason"]',
      ...more,
    });
    const key = answer.json?.detail?.public_key;
    if (key) this.#server = createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'pkcs1' });
    return answer;
  }

  async update(): Promise<number> {
    const timestamp = this.#now();
    const signature = this.sign(`no_firebase_token|${this.serial}|${timestamp}`);
    return (await this.post({ new_fb_token: 'no_firebase_token', serial: this.serial, timestamp, signature })).status;
  }

  async poll(more: Record<string, string> = {}): Promise<Waiting[] | number> {
    const timestamp = this.#now();
    const url = new URL(this.url);
    const query = {
      serial: this.serial,
      timestamp,
      signature: this.sign(`${this.serial}|${timestamp}`),
      capabilities: '["decline_reason"]',
      ...more,
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const response = await fetch(url, { headers: this.#headers });
    if (response.status !== 200) return response.status;
    const { result } = (await response.json()) as Envelope;
    const waiting = result.value as (Waiting & Record<string, string>)[];
    for (const each of waiting) this.#check(each);
    return waiting;
  }

  /** What the app checks before it shows anything. */
  #check(each: Waiting & Record<string, string>): void {
    for (const name of ['title', 'question', 'url', 'nonce', 'sslverify', 'serial', 'signature'])
      if (typeof each[name] !== 'string') throw new Error(`${name} is no text`);
    // The app signs over its own reading of the address.
    const text = [each.nonce, new URL(each.url).href, each.serial, each.question, each.title, each.sslverify].join('|');
    if (!verify('sha256', Buffer.from(text), this.#server!, fromBase32(each.signature!)))
      throw new Error('the server did not sign this');
    const capabilities = `{"capabilities":${JSON.stringify(JSON.parse(each.capabilities!))},"nonce":${JSON.stringify(each.nonce)}}`;
    if (!verify('sha256', Buffer.from(capabilities), this.#server!, fromBase32(each.capabilities_signature!)))
      throw new Error('the server did not sign its capabilities');
  }

  accept({ nonce }: Waiting): ReturnType<StoreAppPhone['post']> {
    return this.post({ serial: this.serial, nonce, signature: this.sign(`${nonce}|${this.serial}`) });
  }

  decline({ nonce }: Waiting, reason?: string): ReturnType<StoreAppPhone['post']> {
    const text = [nonce, this.serial, 'decline', ...(reason ? [reason] : [])].join('|');
    return this.post({
      serial: this.serial,
      nonce,
      decline: '1',
      ...(reason ? { decline_reason: reason } : {}),
      signature: this.sign(text),
    });
  }
}
