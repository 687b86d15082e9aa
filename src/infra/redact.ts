/** The password in a URL, wherever in a line it turns up: in a setting, in a message of a driver, in a stack. */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/"]*:)[^\s@"]+@/gi;
/** `?token=…`, and the same in a connection string. */
const QUERY_SECRET = /((?:password|passwd|secret|token|api_?key)=)[^&\s"\\;]+/gi;
const SECRET_NAME = '[\\w.-]*(?:password|passwd|secret|token|authorization|cookie|api_?key)';
/** A field of a line. */
const FIELD_SECRET = new RegExp(`("${SECRET_NAME}"\\s*:\\s*")(?:\\\\.|[^"\\\\])+`, 'gi');
/** A field of JSON that is text inside of one: every quote has a backslash before it, an escaped one has three. */
const INNER_FIELD_SECRET = new RegExp(
  `(\\\\"${SECRET_NAME}\\\\"\\s*:\\s*\\\\")(?:\\\\{2}(?:\\\\.|[^\\\\])|[^\\\\])+`,
  'gi',
);
const BEARER = /\b(bearer\s+)[\w.~+/=-]{4,}/gi;

/** A log line without what nobody may read: passwords, tokens, keys, card tokens, cookies. */
export function redact(line: string): string {
  return line
    .replace(URL_PASSWORD, '$1***@')
    .replace(QUERY_SECRET, '$1***')
    .replace(FIELD_SECRET, '$1***')
    .replace(INNER_FIELD_SECRET, '$1***')
    .replace(BEARER, '$1***');
}
