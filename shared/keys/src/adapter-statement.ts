/** What a signature of an adapter says: that the signer means this very blob to be a version of this name. */
export function adapterStatement(name: string, digest: string): string {
  return `hyperswap adapter 1\nname ${name}\nsha256 ${digest}\n`;
}
