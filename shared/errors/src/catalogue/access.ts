import { entry } from './entry.js';

/** Errors of tokens, roles and insecure configuration. */
export const accessErrors = {
  TOKEN_MISSING: entry(
    'UNAUTHENTICATED',
    { method: 'text' },
    ({ method }) => `${method} needs a token. Send it in the metadata as "authorization: Bearer …".`,
  ),
  TOKEN_INVALID: entry(
    'UNAUTHENTICATED',
    { reason: 'text' },
    ({ reason }) => `The token is refused: ${reason}. Ask the operator of the service for a new one.`,
  ),
  ROLE_MISSING: entry(
    'PERMISSION_DENIED',
    { method: 'text', role: 'text', held: 'text' },
    ({ method, role, held }) => `${method} needs the role ${role}; the token has ${held}.`,
  ),
  CONFIG_INSECURE: entry(
    'FAILED_PRECONDITION',
    { key: 'text', value: 'text', mend: 'text' },
    ({ key, value, mend }) =>
      `Setting ${key} is ${value}, which others on the network can reach or read: ${mend}, or set insecure if you trust everybody in the network.`,
  ),
};
