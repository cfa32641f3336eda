/** Names that other tools use too, without our prefix. */
export const commonNames: Readonly<Record<string, string>> = {
  natsUrl: 'NATS_URL',
  s3Endpoint: 'S3_ENDPOINT',
  s3AccessKey: 'S3_ACCESS_KEY',
  s3SecretKey: 'S3_SECRET_KEY',
  s3Bucket: 'S3_BUCKET',
};

/** The environment variable of a key: `queueLimit` is `HYPERSWAP_QUEUE_LIMIT`. */
export function environmentName(key: string): string {
  return `HYPERSWAP_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
