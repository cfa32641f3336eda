/** Statement that a signature of an adapter covers: this blob is a version of this name. */
export function adapterStatement(name: string, digest: string): string {
  return `hyperswap adapter 1\nname ${name}\nsha256 ${digest}\n`;
}
