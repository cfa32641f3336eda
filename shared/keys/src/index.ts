export { adapterStatement } from './adapter-statement.js';
export { issueToken, type TokenClaims } from './issue-token.js';
export { createKeyFiles, readPrivateKey, readPublicKeys, type NamedKey } from './key-files.js';
export { signStatement, whyNotSigned, type Signature } from './signature.js';
export { TokenVerifier, type TokenSettings } from './token-verifier.js';
