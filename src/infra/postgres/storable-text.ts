import { LIMITS } from '../../limits.ts';

/** A reason or detail as `text` may hold it: PostgreSQL refuses U+0000, and whoever wrote it may have quoted what was thrown. */
export function storableText(text: string): string {
  return text.slice(0, LIMITS.deadDetailCharsMax).replaceAll('\0', '\uFFFD');
}
