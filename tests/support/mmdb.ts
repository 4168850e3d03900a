/** A MaxMind DB file (format 2.0) with one network, 127.0.0.0/8, for tests: nobody's data are shipped. */
const string = (text: string): Buffer => Buffer.concat([Buffer.from([(2 << 5) | text.length]), Buffer.from(text)]);
const number = (type: 5 | 6, value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  const short = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([(type << 5) | (value ? short.length : 0)]), value ? short : Buffer.alloc(0)]);
};
const map = (entries: Record<string, Buffer>): Buffer =>
  Buffer.concat([
    Buffer.from([(7 << 5) | Object.keys(entries).length]),
    ...Object.entries(entries).flatMap(([key, value]) => [string(key), value]),
  ]);

export function makeMmdb(city: string, country: string): Buffer {
  const bits = [0, 1, 1, 1, 1, 1, 1, 1];
  const tree = Buffer.alloc(bits.length * 6);
  bits.forEach((bit, node) => {
    const next = node === bits.length - 1 ? bits.length + 16 : node + 1;
    tree.writeUIntBE(bit === 0 ? next : bits.length, node * 6, 3);
    tree.writeUIntBE(bit === 1 ? next : bits.length, node * 6 + 3, 3);
  });
  const place = (name: string): Buffer => map({ names: map({ en: string(name) }) });
  const data = map({ city: place(city), country: place(country) });
  const metadata = map({
    node_count: number(6, bits.length),
    record_size: number(5, 24),
    ip_version: number(5, 4),
    database_type: string('Test-City'),
    languages: Buffer.from([0x01, 0x04, ...string('en')]),
    binary_format_major_version: number(5, 2),
    binary_format_minor_version: number(5, 0),
    build_epoch: Buffer.from([0x01, 0x02, 0x01]),
    description: map({ en: string('test') }),
  });
  const marker = Buffer.concat([Buffer.from([0xab, 0xcd, 0xef]), Buffer.from('MaxMind.com')]);
  return Buffer.concat([tree, Buffer.alloc(16), data, marker, metadata]);
}
