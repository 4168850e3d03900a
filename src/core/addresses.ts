import ipaddr from 'ipaddr.js';

/** Whether an address is one of the open internet: not loopback, private, link-local or reserved. */
export const isPublicAddress = (address: string): boolean =>
  ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
