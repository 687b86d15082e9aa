import { tlsFilesIssue, type NamedFile } from './tls-settings.ts';

/** Files of the admin port, and of whoever calls the admin port of another node. */
export interface HttpTls {
  /** null: plain HTTP. */
  readonly server: {
    readonly certFile: string;
    readonly keyFile: string;
    /** Whoever connects has to show a certificate of this CA; null: nobody has to. */
    readonly clientCaFile: string | null;
  } | null;
  /** For calls to `https:` addresses of other nodes: what is believed beside the well-known CAs, and what is shown. */
  readonly client: {
    readonly caFile: string | null;
    readonly certFile: string | null;
    readonly keyFile: string | null;
  };
}

export interface ReadHttpTls {
  readonly httpTls: HttpTls;
  /** `<variable>: <what is wrong>` */
  readonly issues: readonly string[];
}

/** Settings that are read here alone. */
export const HTTP_TLS_VARIABLES = [
  'HTTP_TLS_CERT_FILE',
  'HTTP_TLS_KEY_FILE',
  'HTTP_TLS_CLIENT_CA_FILE',
  'HTTP_TLS_CA_FILE',
] as const;

/** From `HTTP_TLS_…`. A node shows the certificate of its admin port when it calls another one; a command that of `TLS_CERT_FILE`. */
export function readHttpTls(env: Readonly<Record<string, string | undefined>>): ReadHttpTls {
  const named = (name: string): NamedFile => {
    const value = env[name]?.trim() ?? '';
    return { name, path: value === '' ? null : value };
  };
  const first = (...files: readonly NamedFile[]): NamedFile =>
    files.find(({ path }) => path !== null) ?? named('');
  const [cert, key] = [named('HTTP_TLS_CERT_FILE'), named('HTTP_TLS_KEY_FILE')];
  const clientCa = named('HTTP_TLS_CLIENT_CA_FILE');
  const ca = first(named('HTTP_TLS_CA_FILE'), named('TLS_CA_FILE'));
  const isServing = cert.path !== null && key.path !== null;
  const shown = isServing ? { cert, key } : { cert: named('TLS_CERT_FILE'), key: named('TLS_KEY_FILE') };
  const issues = [tlsFilesIssue({ ca: clientCa, cert, key }), tlsFilesIssue({ ca })];
  if (clientCa.path !== null && !isServing)
    issues.push(
      `${clientCa.name}: client certificates need TLS: set HTTP_TLS_CERT_FILE and HTTP_TLS_KEY_FILE`,
    );
  return {
    httpTls: {
      server:
        cert.path === null || key.path === null
          ? null
          : { certFile: cert.path, keyFile: key.path, clientCaFile: clientCa.path },
      client: { caFile: ca.path, certFile: shown.cert.path, keyFile: shown.key.path },
    },
    issues: issues.filter((issue) => issue !== null),
  };
}
