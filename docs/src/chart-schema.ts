/** Settings in the Helm chart's schema of values. */
import { settingsSchema } from '@hyperswap/config';

/** Settings that the chart takes from other values, or that belong to one process. */
const ofTheChart = new Set(
  ['home', 'host', 'port', 'natsUrl', 'idleExitSeconds', 's3Endpoint', 's3AccessKey', 's3SecretKey', 's3Bucket'].concat(
    ['tlsAuthority', 'tlsCertificate', 'tlsKey', 'tokenKeys', 'tokenFile', 'signingKey', 'trustedKeys'],
  ),
);

/**
 * Returns `values.schema.json` with `config` as the schema of the configuration has it.
 *
 * @param written the file as it is
 */
export function chartSchema(written: string): string {
  const schema = JSON.parse(written) as { properties: Record<string, unknown> };
  const properties = Object.fromEntries(Object.entries(settingsSchema()).filter(([key]) => !ofTheChart.has(key)));
  schema.properties.config = { type: 'object', additionalProperties: false, properties };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
