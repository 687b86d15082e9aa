import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** Certificates made for one test, in files that servers under users of their own can read. They protect nothing. */
export interface CertificateAuthority {
  /** Path of its own certificate. */
  readonly caFile: string;
  /** Paths of a certificate and its key. */
  issue(wanted: Wanted): Promise<CertificateFiles>;
}

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

interface Wanted {
  /** Of the file, and the common name. */
  readonly name: string;
  /** Hosts that it is for; empty: a client's. */
  readonly hosts?: readonly string[];
  readonly validity?: 'valid' | 'expired';
}

const DAY_MS = 86_400_000;

export interface CertificatePlace {
  readonly directory: string;
  authority(name: string): Promise<CertificateAuthority>;
  remove(): void;
}

export function certificatePlace(): CertificatePlace {
  const directory = mkdtempSync(join(tmpdir(), 'paygate-certificates-'));
  chmodSync(directory, 0o755);
  return {
    directory,
    authority: (name) => makeAuthority(directory, name),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

async function makeAuthority(directory: string, name: string): Promise<CertificateAuthority> {
  const own = await generate([{ name: 'commonName', value: name }], {
    ...KIND,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const written = (file: string, text: string): string => {
    const path = join(directory, file);
    writeFileSync(path, text, { mode: 0o644 });
    return path;
  };
  return {
    caFile: written(`${name}.pem`, own.cert),
    issue: async ({ name: subject, hosts = [], validity = 'valid' }) => {
      const now = Date.now();
      const made = await generate([{ name: 'commonName', value: subject }], {
        ...KIND,
        ca: { key: own.private, cert: own.cert },
        notBeforeDate: new Date(now - 10 * DAY_MS),
        notAfterDate: new Date(now + (validity === 'valid' ? 10 : -1) * DAY_MS),
        extensions: [
          { name: 'basicConstraints', cA: false, critical: true },
          { name: 'keyUsage', digitalSignature: true, critical: true },
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          ...(hosts.length === 0 ? [] : [{ name: 'subjectAltName' as const, altNames: hosts.map(altName) }]),
        ],
      });
      return {
        certFile: written(`${subject}.pem`, made.cert),
        keyFile: written(`${subject}.key`, made.private),
      };
    },
  };
}

const KIND = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

function altName(
  host: string,
): { readonly type: 2; readonly value: string } | { readonly type: 7; readonly ip: string } {
  return /^[\d.]+$/.test(host) ? { type: 7, ip: host } : { type: 2, value: host };
}
