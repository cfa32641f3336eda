import { failure } from '@hyperswap/errors';
import { serviceNames, type ServiceName } from './service-names.js';

/**
 * Finds the endpoint of a service in the setting `endpoint`.
 *
 * @param endpoint `[https://]host:port` of all services, or `preprocessing=…,trainer=…,tile-inference=…`
 * @throws CONFIG_INVALID if it names services, but not this one
 */
export function endpointOf(endpoint: string, service: ServiceName): string {
  if (!endpoint.includes('=')) return endpoint;
  const found = new Map(
    endpoint.split(',').map((part) => {
      const [name = '', ...address] = part.split('=');
      return [name.trim(), address.join('=').trim()] as const;
    }),
  );
  const known = [...found.keys()].every((name) => (serviceNames as readonly string[]).includes(name));
  const address = found.get(service);
  if (known && address !== undefined && address !== '') return address;
  const allowed = `one address for all services, or ${serviceNames.map((name) => `${name}=host:port`).join(',')}`;
  throw failure('CONFIG_INVALID', { key: 'endpoint', value: endpoint, allowed });
}
