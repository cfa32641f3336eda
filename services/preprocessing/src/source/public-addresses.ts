import { lookup } from 'node:dns';
import { BlockList, isIPv6, type LookupFunction } from 'node:net';

/**
 * Networks that are not the public internet: IANA's special-purpose address registries (RFC 6890 and its updates), and
 * multicast.
 */
const reserved = new BlockList();
const ranges4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;
const ranges6 = [
  ['::', 128],
  ['::1', 128],
  // Addresses that reach IPv4 through a translator or a tunnel.
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 23],
  ['2002::', 16],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const;
for (const [network, prefix] of ranges4) reserved.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of ranges6) reserved.addSubnet(network, prefix, 'ipv6');

/** Tells an address of the public internet from a private, loopback, link-local or otherwise reserved one. */
function isPublicAddress(address: string): boolean {
  // An IPv4 address written as IPv6 (::ffff:a.b.c.d) counts as IPv4.
  return !reserved.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/**
 * Returns a resolver of names for connections that go to the public internet alone. The address that was checked is the
 * one that the connection goes to, so that a name cannot resolve to another address the second time.
 *
 * @param refusal error for a name with an address that is not public
 */
export function publicLookup(refusal: (host: string, address: string) => Error): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      const wrong = addresses.find(({ address }) => !isPublicAddress(address));
      const [first] = addresses;
      if (first === undefined) callback(new Error(`${host} has no address`), []);
      else if (wrong !== undefined) callback(refusal(host, wrong.address), []);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
