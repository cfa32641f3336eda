/** Token of this browser tab. It is deleted with the tab. */
const key = 'hyperswap-token';

export function currentToken(): string {
  return sessionStorage.getItem(key) ?? '';
}

/** @param token empty to delete it */
export function setToken(token: string): void {
  if (token === '') sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, token);
}

/** Returns the headers that send the token. */
export function authorization(): Record<string, string> {
  const token = currentToken();
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}
