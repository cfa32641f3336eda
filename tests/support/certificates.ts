/** Certificate authority of the tests, and certificates that it signed. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { generate } from 'selfsigned';
import { temporaryFolder } from './temporary-folder.js';

export interface Certificates {
  /** Files in PEM, and what is in them. */
  readonly authority: { readonly file: string; readonly certificate: string };
  readonly server: Identity;
  readonly client: Identity;
  /** Certificate of an authority that nobody trusts. */
  readonly stranger: Identity;
  /** Folder of the server's files in MinIO's layout: `public.crt`, `private.key`, `CAs/authority.crt`. */
  readonly serverDirectory: string;
}

export interface Identity {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly certificate: string;
  readonly key: string;
}

const common = { keyType: 'ec', algorithm: 'sha256' } as const;

export async function makeCertificates(): Promise<Certificates> {
  const directory = await temporaryFolder('tls');
  const write = async (name: string, content: string): Promise<string> => {
    const file = path.join(directory, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content, { mode: 0o600 });
    return file;
  };
  const authority = await makeAuthority('authority');
  const identity = async (name: string, ca: { key: string; cert: string }): Promise<Identity> => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
      ...common,
      ca,
      extensions: [
        { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
        // Neither contains 0.0.0.0, the address by which a process reaches itself.
        {
          name: 'subjectAltName',
          altNames: [
            { type: 2, value: 'localhost' },
            { type: 7, ip: '127.0.0.1' },
          ],
        },
      ],
    });
    const certificateFile = await write(`${name}/public.crt`, cert);
    return { certificateFile, keyFile: await write(`${name}/private.key`, key), certificate: cert, key };
  };
  await write('server/CAs/authority.crt', authority.cert);
  return {
    authority: { file: await write('authority.crt', authority.cert), certificate: authority.cert },
    server: await identity('server', authority),
    client: await identity('client', authority),
    stranger: await identity('stranger', await makeAuthority('strange authority')),
    serverDirectory: path.join(directory, 'server'),
  };
}

async function makeAuthority(name: string): Promise<{ key: string; cert: string }> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { key, cert };
}
