import ipaddr from 'ipaddr.js';

/** Whether a text is an address or a network in CIDR notation, IPv4 or IPv6. */
export const isNetwork = (text: string): boolean => ipaddr.isValid(text) || ipaddr.isValidCIDR(text);

/** Whether an address is in a network, or is the address itself. An IPv4 address in IPv6 clothes counts as IPv4. */
export function isInNetwork(ip: string, network: string): boolean {
  if (!ipaddr.isValid(ip)) return false;
  const address = ipaddr.process(ip);
  if (!network.includes('/'))
    return ipaddr.isValid(network) && ipaddr.process(network).toString() === address.toString();
  if (!ipaddr.isValidCIDR(network)) return false;
  const [base, bits] = ipaddr.parseCIDR(network);
  return base.kind() === address.kind() && address.match(base, bits);
}

/** The network that stands for a place where nothing better is known: 24 bits of IPv4, 48 of IPv6. */
export function networkOf(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  const bytes = address.toByteArray().slice(0, address.kind() === 'ipv4' ? 3 : 6);
  return `${address.kind()} ${bytes.join('.')}`;
}
