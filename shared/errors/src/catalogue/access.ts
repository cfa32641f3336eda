import { entry } from './entry.js';

/** Errors of tokens, roles and insecure configuration. */
export const accessErrors = {
  TOKEN_MISSING: entry(
    'UNAUTHENTICATED',
    { method: 'text' },
    ({ method }) => `${method} needs a token: name its file with --token-file or HYPERSWAP_TOKEN_FILE.`,
  ),
  TOKEN_INVALID: entry(
    'UNAUTHENTICATED',
    { reason: 'text' },
    ({ reason }) => `The token is not accepted: ${reason}. Ask whoever runs these services for a new one.`,
  ),
  ROLE_MISSING: entry(
    'PERMISSION_DENIED',
    { method: 'text', role: 'text', held: 'text' },
    ({ method, role, held }) => `${method} needs the role ${role}; the token holds ${held}.`,
  ),
  CONFIG_INSECURE: entry(
    'FAILED_PRECONDITION',
    { key: 'text', value: 'text', mend: 'text' },
    ({ key, value, mend }) =>
      `Configuration ${key} is ${value}, which others can reach or listen to: ${mend}, or say that the network is trusted with --insecure (HYPERSWAP_INSECURE=true).`,
  ),
};
