/** What errors of TLS mean, and what a person has to do: none of them passes by waiting. */

const FOREIGN =
  'the certificate of the server is not of a CA that we trust: put the certificate of its CA into the file that TLS_CA_FILE names';
const OUR_CERTIFICATE =
  'the server does not take our client certificate: TLS_CERT_FILE and TLS_KEY_FILE must hold one, not expired, of a CA that the server trusts';
const NO_TLS = 'the server does not speak TLS at this port: use its TLS port, or switch TLS on at the server';
const NO_COMMON =
  'we and the server have no version or cipher of TLS in common: it must offer TLS 1.2 or 1.3';

const ADVICE: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: FOREIGN,
  DEPTH_ZERO_SELF_SIGNED_CERT: FOREIGN,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: FOREIGN,
  UNABLE_TO_GET_ISSUER_CERT: FOREIGN,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: FOREIGN,
  CERT_SIGNATURE_FAILURE: FOREIGN,
  CERT_UNTRUSTED: FOREIGN,
  INVALID_CA: FOREIGN,
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the certificate of the server is for another host name than the one in the URL: use the name that is in the certificate, or have the certificate made for this one',
  CERT_HAS_EXPIRED: 'the certificate of the server (or of its CA) has expired: renew it',
  CERT_NOT_YET_VALID: 'the certificate of the server is not valid yet: compare the clocks of both machines',
  CERT_REVOKED: 'the certificate of the server was revoked: the server needs a new one',
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_HTTP_REQUEST: NO_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_COMMON,
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: NO_COMMON,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_COMMON,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: OUR_CERTIFICATE,
  ERR_SSL_SSL_TLS_ALERT_HANDSHAKE_FAILURE: OUR_CERTIFICATE,
};

/** An alert of the other side about what we have shown, under the names of two generations of OpenSSL. */
const ABOUT_OURS =
  /^ERR_SSL_(?:TLSV1_|TLSV13_|SSLV3_|SSL\/TLS_|SSL_TLS_)*ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)$/;

/** null: the code is none of TLS. */
export function tlsAdviceOf(code: string): string | null {
  const known = Object.hasOwn(ADVICE, code) ? ADVICE[code] : undefined;
  if (known !== undefined) return known;
  if (ABOUT_OURS.test(code)) return OUR_CERTIFICATE;
  return /^ERR_(?:SSL|TLS|OSSL)_/.test(code) ? 'TLS with the server failed' : null;
}
