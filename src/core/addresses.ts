import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Whether an address is one of the open internet: not loopback, private, link-local or reserved. */
export const isPublicAddress = (address: string): boolean =>
  ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';

/** Whether a URL's host is an address in digits: Node looks nothing up for those. */
export const isNumericHost = (hostname: string): boolean => ipaddr.isValid(bare(hostname));

/** An IPv6 address without the brackets that a URL has around it. */
export const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');

/**
 * Resolves once, refuses where any address is not public, and hands over exactly what was checked: a name that answers
 * differently the second time gains nothing. Not called for addresses in digits (`isNumericHost`).
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '', 0);
    const first = addresses[0];
    if (!first || addresses.some(({ address }) => !isPublicAddress(address))) {
      return callback(Object.assign(new Error('address not allowed'), { code: 'EADDRNOTALLOWED' }), '', 0);
    }
    return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
  });
};
